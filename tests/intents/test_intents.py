"""Intents as the work of ``llm_intent`` steps: from a definition to the output of its step."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from trellis_process import ManualClock, Process, StepState
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import LlmIntent, LlmIntentStep
from trellis_process.errors import InvalidInput
from trellis_process.intents import Intents, Question, Reply, ScriptedModel, Stop
from trellis_process.runner import NoHandler, Runner
from trellis_process.testing import LocalTracker
from trellis_process.worker import Failed, Fatal, RetryAfter, StepContext, Worker

KIND = {
    "type": "object",
    "properties": {"kind": {"enum": ["theft", "fire"]}, "sure": {"type": "number", "maximum": 1}},
    "required": ["kind"],
    "additionalProperties": False,
}
SECRET = "the patient's diagnosis"


def claims(
    *,
    intent: str = "classify_claim",
    model: str | None = None,
    output_schema: dict[str, Any] | None = None,
    **retry: Any,
) -> ProcessDefinition:
    """A definition with one step, which asks a model."""
    asked = LlmIntent(intent=intent, model=model, output_schema=output_schema or {})
    step = LlmIntentStep(
        "classify",
        llm_intent=asked,
        inputs={"text": "input.text"},
        retry=Retry(**retry),
        timeout="2m",
    )
    return ProcessDefinition("claim", version=1, inputs={"text": "string"}, steps=(step,))


def a_model(*replies: Any) -> ScriptedModel:
    model = ScriptedModel()
    model.replies("classify_claim", *replies)
    return model


def the_intents(model: Any, **settings: Any) -> Intents:
    intents = Intents(model)
    intents.add("classify_claim", "Say what kind of claim this is.", **settings)
    return intents


def run(definition: ProcessDefinition, intents: Intents) -> Process:
    """The process once everything has happened that can."""
    runner = Runner(clock=ManualClock())
    runner.register(definition)
    runner.intents(intents)
    process = runner.start("claim", tenant_id="t", input={"text": SECRET})
    runner.advance(hours=1)
    return runner.engine.get_process("t", process.process_id)


def times_asked(reply: Any, **retry: Any) -> int:
    """How often a model is asked that gives this reply first and a good one then."""
    model = a_model(reply, {"kind": "fire"})
    run(claims(output_schema=KIND, max_attempts=2, **retry), the_intents(model))
    return len(model.asked)


@pytest.fixture
def a_context() -> Callable[..., StepContext]:
    def make(**asked: Any) -> StepContext:
        event = {
            "tenant_id": "t",
            "process_id": "p-1",
            "process_type": "claim",
            "aggregate_type": "claim",
            "aggregate_id": "c-1",
            "step_name": "classify",
            "service": "trellis.llm_intent",
            "attempt": 1,
            "input": {"model": None, "inputs": {"text": SECRET}, **asked},
        }
        return StepContext(event, None)

    return make


# -- what is asked, and what comes of it -----------------------------------------------------


def test_a_reply_that_fits_the_schema_is_the_output_of_the_step():
    model = a_model({"kind": "theft", "sure": 0.9})

    process = run(claims(output_schema=KIND), the_intents(model, max_tokens=200, temperature=0))

    assert process.step("classify").output == {"kind": "theft", "sure": 0.9}
    (asked,) = model.asked
    assert asked == Question(
        intent="classify_claim",
        instructions="Say what kind of claim this is.",
        inputs={"text": SECRET},
        output_schema=KIND,
        max_tokens=200,
        temperature=0,
    )


def test_without_a_schema_the_output_is_the_text():
    process = run(claims(), the_intents(a_model("A bicycle was stolen.")))

    assert process.step("classify").output == {"text": "A bicycle was stolen."}


def test_instructions_may_depend_on_the_inputs():
    model = a_model("ok")
    intents = Intents(model)
    intents.add("classify_claim", lambda inputs: f"Sum up {len(inputs['text'])} characters.")

    run(claims(), intents)

    assert model.asked[0].instructions == f"Sum up {len(SECRET)} characters."


def test_a_reply_that_need_not_be_an_object_is_the_output_as_it_is():
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}

    process = run(claims(output_schema=schema), the_intents(a_model(["theft"])))

    assert process.step("classify").output == ["theft"]


# -- replies that are of no use --------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({"kind": "murder"}, "reply_unfit"),
        ({}, "reply_unfit"),
        (Reply(text="I would say theft."), "reply_malformed"),
        (Reply(text=""), "reply_malformed"),
        (Reply(text='{"kind": NaN}'), "reply_malformed"),
        (Reply(text="[" * 100_000), "reply_malformed"),
        (Reply(text="[" * 40 + "]" * 40), "reply_malformed"),
        (Reply(text="9" * 5_000), "reply_malformed"),
        (Reply(text='{"kind": "\\ud800"}'), "reply_malformed"),
        (Reply(text="{", stop=Stop.MALFORMED), "reply_malformed"),
        (Reply(text='{"kind": "th', stop=Stop.CUT_OFF), "reply_cut_off"),
        (Reply(text="I cannot help with that.", stop=Stop.REFUSED), "reply_refused"),
        (Reply(text=json.dumps("x" * 33_000)), "reply_too_large"),
    ],
)
def test_a_reply_that_is_of_no_use_fails_the_attempt_and_the_next_one_may_be_better(reply, code):
    assert times_asked(reply) == 2
    assert times_asked(reply, retry_on=(code,)) == 2
    assert times_asked(reply, fatal_on=(code,)) == 1


def test_with_no_retry_left_the_step_has_failed_and_says_what_did_not_fit():
    process = run(claims(output_schema=KIND), the_intents(a_model({"kind": "murder", "sure": 2})))

    step = process.step("classify")
    assert step.state is StepState.FAILED
    assert step.error == (
        "the reply does not fit output_schema: it breaks properties.kind.enum, "
        "properties.sure.maximum"
    )


def test_what_is_missing_is_named_and_of_many_misfits_the_first():
    many = {"type": "object", "required": ["a", "b", "c", "d", "e", "f", "g"]}

    process = run(claims(output_schema=many), the_intents(a_model({})))

    assert process.step("classify").error.endswith(
        "it breaks required (a), required (b), required (c), required (d), required (e) and 2 more"
    )


def test_a_reply_that_was_cut_off_says_how_much_the_intent_allows():
    reply = Reply(text="{", stop=Stop.CUT_OFF, stop_reason="max_tokens")

    process = run(claims(output_schema=KIND), the_intents(a_model(reply), max_tokens=1_500))

    assert process.step("classify").error == (
        "the reply was cut off (max_tokens); intent 'classify_claim' allows 1,500 tokens: "
        "ask for less, or allow more with max_tokens"
    )


def test_text_of_more_than_an_output_holds_is_too_large():
    process = run(claims(), the_intents(a_model("x" * 33_000)))

    assert "the reply is too large: 33011 bytes of JSON, allowed are 32,768" in (
        process.step("classify").error
    )


def test_a_throttled_model_is_asked_again_when_it_says():
    model = a_model(RetryAfter(30, "slow down", code="model_throttled"), {"kind": "fire"})

    process = run(claims(output_schema=KIND, max_attempts=2), the_intents(model))

    assert process.step("classify").output == {"kind": "fire"}


# -- which intent, which model ---------------------------------------------------------------


def test_an_intent_that_is_not_there_fails_for_good_and_names_the_nearest():
    process = run(claims(intent="clasify_claim", max_attempts=3), the_intents(a_model("ok")))

    assert process.step("classify").attempt == 1
    assert process.step("classify").error == (
        "there is no intent 'clasify_claim'; did you mean 'classify_claim'? There are "
        "classify_claim; add it with Intents.add('clasify_claim', …)"
    )


def test_the_steps_model_goes_before_the_intents_and_that_before_the_usual_one():
    usual, careful, quick = a_model("usual"), a_model("careful"), a_model("quick")

    def text_of(model: str | None, of_intent: ScriptedModel | None) -> Any:
        intents = Intents(usual, models={"quick": quick})
        intents.add("classify_claim", "Sum up.", model=of_intent)
        return run(claims(model=model), intents).step("classify").output["text"]

    assert text_of("quick", careful) == "quick"
    assert text_of(None, careful) == "careful"
    assert text_of(None, None) == "usual"


def test_a_definition_uses_no_model_that_it_was_not_allowed():
    model = a_model("ok")
    intents = Intents(model, models={"quick": model, "careful": model})
    intents.add("classify_claim", "Sum up.")
    definition = claims(model="carefull", max_attempts=3)

    step = run(definition, intents).step("classify")

    assert (step.attempt, model.asked) == (1, [])
    assert step.error == (
        "a definition may not use model 'carefull'; did you mean 'careful'? There are careful, "
        "quick; Intents(models=…) says which"
    )


def test_without_a_list_of_models_a_definition_may_name_none():
    assert "There are none" in (
        run(claims(model="gpt"), the_intents(a_model("ok"))).step("classify").error
    )


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"instructions": "  "}, "instructions"),
        ({"instructions": 7}, "instructions"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": True}, "temperature"),
    ],
)
def test_an_intent_that_is_not_as_allowed_is_refused(settings, field):
    with pytest.raises(InvalidInput) as raised:
        Intents(ScriptedModel()).add(**{"name": "sum_up", "instructions": "Sum up.", **settings})

    assert raised.value.field == field


def test_an_intent_is_there_once():
    intents = the_intents(ScriptedModel())

    with pytest.raises(ValueError, match="'classify_claim' is there already"):
        intents.add("classify_claim", "Say it otherwise.")


def test_a_models_name_is_text():
    with pytest.raises(InvalidInput, match="models"):
        Intents(ScriptedModel(), models={7: ScriptedModel()})


def test_a_function_that_gives_no_instructions_fails_the_step_for_good():
    intents = Intents(a_model("ok"))
    intents.add("classify_claim", lambda inputs: None)

    step = run(claims(max_attempts=2), intents).step("classify")

    assert (step.state, step.attempt) == (StepState.FAILED, 1)
    assert step.error.endswith("returned NoneType; allowed is text that is not empty")


# -- how it is connected ---------------------------------------------------------------------


def test_a_worker_makes_a_handler_of_them_that_the_bus_and_queues_call():
    worker = Worker()
    model = a_model({"kind": "fire"})
    handler = worker.intents(the_intents(model))
    with LocalTracker(worker, definitions=[claims(output_schema=KIND)]) as local:
        process = local.service.start("claim", tenant_id="t", input={"text": SECRET})
        local.run()
        asked = next(each for each in local.events if each["type"] == "StepStarted")
        again = {"Records": [{"messageId": "m-1", "body": json.dumps({"detail": asked})}]}
        answer = handler(again, None)
        after = local.service.get_process("t", process.process_id)

    assert handler.name == "trellis.llm_intent"
    assert answer == {"batchItemFailures": []}
    assert after.step("classify").output == {"kind": "fire"}
    assert len(model.asked) == 2  # a second delivery asks, and costs, again


def test_a_second_delivery_changes_no_result():
    runner = Runner(clock=ManualClock())
    runner.register(claims(output_schema=KIND))
    runner.intents(the_intents(a_model({"kind": "fire"}, {"kind": "theft"})))
    process = runner.start("claim", tenant_id="t", input={"text": SECRET})
    runner.run()

    runner.deliver_again()

    assert runner.engine.get_process("t", process.process_id).step("classify").output == {
        "kind": "fire"
    }


def test_intents_are_given_once():
    worker = Worker()
    worker.intents(the_intents(ScriptedModel()))

    with pytest.raises(ValueError, match=r"trellis\.llm_intent"):
        worker.intents(the_intents(ScriptedModel()))


def test_a_runner_without_intents_says_how_to_give_it_some():
    runner = Runner(clock=ManualClock())
    runner.register(claims())
    runner.start("claim", tenant_id="t", input={"text": SECRET})

    with pytest.raises(NoHandler, match=r"give the runner one with runner\.intents"):
        runner.run()


# -- what is logged --------------------------------------------------------------------------


def test_the_log_says_what_was_used(caplog):
    reply = Reply(
        text='{"kind": "fire"}', model="m-1", input_tokens=210, output_tokens=17, latency_ms=640
    )
    with caplog.at_level(logging.INFO, "trellis_process.intents"):
        process = run(claims(output_schema=KIND), the_intents(a_model(reply)))

    (line,) = [each for each in caplog.records if each.name.startswith("trellis_process.intents")]
    told = {name: getattr(line, name) for name in ("intent", "model", "stop", "attempt")}
    assert told == {"intent": "classify_claim", "model": "m-1", "stop": "end", "attempt": 1}
    assert (line.input_tokens, line.output_tokens, line.latency_ms) == (210, 17, 640)
    assert (line.tenant_id, line.process_id) == ("t", process.process_id)
    assert line.step_name == "classify"


@pytest.mark.parametrize(
    "reply",
    [
        {"kind": SECRET},
        {SECRET: 1, "kind": "fire"},
        Reply(text=SECRET),
        Reply(text=SECRET, stop=Stop.CUT_OFF),
        Reply(text=SECRET, stop=Stop.REFUSED),
        Reply(text=json.dumps(SECRET * 2_000)),
        Reply(text=f'{{"kind": "{SECRET}\\ud800"}}'),
        {"kind": "theft"},
    ],
)
def test_nothing_of_a_question_or_a_reply_is_in_the_log_or_in_an_error(caplog, reply):
    formatter = logging.Formatter()
    with caplog.at_level(logging.DEBUG):
        process = run(claims(output_schema=KIND), the_intents(a_model(reply)))

    assert caplog.records
    for line in caplog.records:
        assert SECRET not in formatter.format(line) + repr(line.__dict__)
    assert SECRET not in (process.step("classify").error or "")


# -- the scripted model ----------------------------------------------------------------------


def a_question(**changes: Any) -> Question:
    asked = {"intent": "sum_up", "instructions": "Sum up.", "max_tokens": 100}
    return Question(**{**asked, **changes})


def test_a_scripted_model_replies_in_turn_and_its_last_reply_for_ever():
    model = ScriptedModel()
    model.replies("sum_up", "one", Failed("busy"), lambda question: {"n": question.max_tokens})

    assert model.ask(a_question()).text == "one"
    with pytest.raises(Failed, match="busy"):
        model.ask(a_question())
    assert [model.ask(a_question()).text for _ in range(2)] == ['{"n": 100}'] * 2


def test_a_scripted_model_that_was_told_nothing_says_so():
    model = ScriptedModel()
    model.replies("other", 1)

    with pytest.raises(LookupError, match="'sum_up'; there are replies to other"):
        model.ask(a_question())
    with pytest.raises(ValueError, match="what the model replies"):
        model.replies("sum_up")


def test_text_that_has_to_fit_a_schema_is_json_too():
    model = ScriptedModel()
    model.replies("sum_up", "theft")

    assert model.ask(a_question(output_schema={"type": "string"})).text == '"theft"'


# -- a worker's own tests, and what is loaded ------------------------------------------------


def test_an_answer_can_be_asked_for_with_a_context_alone(a_context):
    intents = the_intents(a_model({"kind": "fire"}))

    assert intents.answer(a_context(intent="classify_claim", output_schema=KIND)) == {
        "kind": "fire"
    }


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"intent": "other"}, "unknown_intent"),
        ({"intent": "classify_claim", "model": "other"}, "model_not_allowed"),
        ({"intent": "broken"}, "instructions_invalid"),
        ({"intent": "classify_claim", "output_schema": {"type": "numbr"}}, "schema_invalid"),
    ],
)
def test_what_no_attempt_can_do_has_a_code_too(a_context, asked, code):
    intents = the_intents(a_model("ok"))
    intents.add("broken", lambda inputs: "")

    with pytest.raises(Fatal) as raised:
        intents.answer(a_context(**asked))
    assert raised.value.code == code


@pytest.mark.parametrize("schema", [{"type": "numbr"}, {"$ref": "https://example.com/s"}])
def test_a_schema_that_no_registration_has_seen_is_refused_before_it_costs(a_context, schema):
    model = a_model(1)

    with pytest.raises(Fatal, match="output_schema is no schema"):
        the_intents(model).answer(a_context(intent="classify_claim", output_schema=schema))
    assert model.asked == []


def test_without_the_checker_of_schemas_nothing_is_asked_either(a_context, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    model, schema = a_model(1), {"title": "a schema that nothing has compiled before"}

    with pytest.raises(ImportError, match=r"trellis-process\[intents\]"):
        the_intents(model).answer(a_context(intent="classify_claim", output_schema=schema))
    assert model.asked == []


@pytest.mark.parametrize("intent", [None, 7, {"a": 1}])
def test_work_that_names_no_intent_is_refused(a_context, intent):
    with pytest.raises(Fatal, match="there is no intent"):
        the_intents(a_model(1)).answer(a_context(intent=intent))


def test_importing_intents_loads_neither_botocore_nor_the_checker_of_schemas():
    code = (
        "import sys, trellis_process.intents\n"
        "heavy = ('boto3', 'botocore', 'jsonschema_rs', 'pydantic', 'yaml', 'pynamodb')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
