"""Whatever is wrong with events, triggers and reactions is found at once, each at its place."""

from __future__ import annotations

import pytest

from trellis_process.definitions.finding import Finding, Severity
from trellis_process.definitions.reading import Reading, examine_yaml
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import InvalidDefinition

from .documents import FOLDER

PLACED = "events: [{name: placed, pattern: {source: [shop]}, key: event.detail.id}]\n"
SEND = "send: [{channel: c, message: M}]"
REACTION = f"reactions: [{{event: placed, {SEND}}}]\n"


def read(text: str) -> Reading:
    return examine_yaml(f"process: p\nversion: 1\ntimeout: 1d\n{text}")


def errors(reading: Reading) -> list[Finding]:
    return [each for each in reading.findings if each.severity is Severity.ERROR]


def event(fields: str) -> str:
    return f"events: [{{name: placed, {fields}}}]\n" + REACTION


def trigger(fields: str) -> str:
    return PLACED + f"triggers: [{{{fields}}}]\n" + REACTION


def schedule(fields: str, more: str = "") -> str:
    return trigger(f"schedule: {{name: nightly, tenant_id: t1, {fields}}}{more}")


def reaction(fields: str, more: str = "") -> str:
    return PLACED + f"reactions: [{{event: placed, {fields}}}]\n" + more


#: A definition, and the one error: its path, its code, and words of it.
WRONG = {
    "neither steps nor reactions": ("", "steps", "missing", "where there are no reactions"),
    # -- Events
    "an event that nothing tells": (event("key: '1'"), "events[0]", "one_of", "got none; allowed"),
    "an event that two things tell": (
        event("entity: order, change: created, completed: q"),
        "events[0]",
        "one_of",
        "got entity and completed; allowed is one of pattern, entity, completed",
    ),
    "an event without a key": (
        event("pattern: {source: [shop]}"),
        "events[0].key",
        "missing",
        "which process an event is for",
    ),
    "a pattern that is none": (
        event("pattern: {source: shop}, key: event.detail.id"),
        "events[0].pattern.source",
        "pattern",
        "got 'shop'",
    ),
    "a matcher that there is not": (
        event("pattern: {source: [{prefx: a}]}, key: event.detail.id"),
        "events[0].pattern.source[0].prefx",
        "pattern",
        "did you mean 'prefix'?",
    ),
    "a change of nothing": (
        event("pattern: {source: [shop]}, key: event.detail.id, change: created"),
        "events[0].change",
        "not_allowed",
        "belongs to an entity",
    ),
    "an entity to which nothing happens": (
        event("entity: order"),
        "events[0]",
        "one_of",
        "got none; allowed is either change or status",
    ),
    "an entity to which two things happen": (
        event("entity: order, change: created, status: -> paid"),
        "events[0]",
        "one_of",
        "got change and status",
    ),
    "a change that there is not": (
        event("entity: order, change: craeted"),
        "events[0].change",
        "not_allowed",
        "did you mean 'created'?",
    ),
    "a status that leads nowhere": (
        event("entity: order, status: paid"),
        "events[0].status",
        "status",
        "allowed are pending -> confirmed",
    ),
    "two events of one name": (
        "events: [{name: placed, completed: q}, {name: placed, completed: r}]\n" + REACTION,
        "events[1].name",
        "duplicate_name",
        "a second event 'placed'; the first one is in line 4",
    ),
    "an event that is no name": (
        "events: [{name: a b, completed: q}]\nreactions: []\nsteps: [{name: a, service: A}]",
        "events[0].name",
        "bad_name",
        "A-Z",
    ),
    "a delivery that there is not": (
        event("completed: q, delivery: exactly_once"),
        "events[0].delivery",
        "not_allowed",
        "allowed are at_least_once, at_most_once",
    ),
    "a key that looks at the process": (
        event("completed: q, key: process.id"),
        "events[0].key",
        "unknown_reference",
        "no variable 'process'",
    ),
    # -- Triggers
    "a trigger of nothing": (trigger("inputs: {}"), "triggers[0]", "one_of", "got none"),
    "a trigger of two things": (
        trigger("event: placed, signal: go"),
        "triggers[0]",
        "one_of",
        "got event and signal; allowed is one of event, signal, schedule",
    ),
    "a trigger of an unknown event": (
        trigger("event: palced"),
        "triggers[0].event",
        "unknown_reference",
        "no event 'palced'; did you mean 'placed'?",
    ),
    "two triggers for one event": (
        trigger("event: placed}, {event: placed"),
        "triggers[1].event",
        "duplicate_name",
        "a second trigger for event 'placed'; the first one is in line 5",
    ),
    "a trigger that does not give what is needed": (
        "inputs: {amount: number}\n" + trigger("event: placed"),
        "triggers[0].inputs.amount",
        "missing",
        "not started without",
    ),
    "a trigger that gives what is not taken": (
        "inputs: {amount: number?}\n" + trigger("event: placed, inputs: {amuont: event.detail.a}"),
        "triggers[0].inputs.amuont",
        "unknown_reference",
        "no input 'amuont'; did you mean 'amount'?",
    ),
    "inputs of a trigger that look at data": (
        "inputs: {amount: number}\n" + trigger("event: placed, inputs: {amount: data.amount}"),
        "triggers[0].inputs.amount",
        "unknown_reference",
        "no variable 'data'",
    ),
    "a duplicate that is dealt with in no known way": (
        trigger("event: placed, on_duplicate: ignore"),
        "triggers[0].on_duplicate",
        "not_allowed",
        "return_existing, reject, new_if_finished",
    ),
    "a schedule without a time": (
        schedule("overlap: skip"),
        "triggers[0].schedule",
        "schedule",
        "cron",
    ),
    "a schedule of two times": (
        schedule("cron: 0 9 * * *, every: 1h"),
        "triggers[0].schedule.cron",
        "schedule",
        "every",
    ),
    "a time of day that is none": (
        schedule("cron: 0 25 * * *"),
        "triggers[0].schedule.cron",
        "cron",
        "25",
    ),
    "a schedule in no zone": (
        schedule("cron: 0 9 * * *, time_zone: Europe/Londn"),
        "triggers[0].schedule.time_zone",
        "time_zone",
        "did you mean 'Europe/London'?",
    ),
    "a schedule that overlaps in no known way": (
        schedule("cron: 0 9 * * *, overlap: skp"),
        "triggers[0].schedule.overlap",
        "not_allowed",
        "did you mean 'skip'?",
    ),
    "a schedule of nobody": (
        trigger("schedule: {name: nightly, cron: 0 9 * * *}"),
        "triggers[0].schedule.tenant_id",
        "missing",
        "missing",
    ),
    "a schedule with expressions": (
        schedule("cron: 0 9 * * *", ", inputs: {}"),
        "triggers[0].inputs",
        "not_allowed",
        "an input of its own",
    ),
    "a schedule that does not give what is needed": (
        "inputs: {amount: number}\n" + schedule("cron: 0 9 * * *, input: {}"),
        "triggers[0].schedule.input.amount",
        "missing",
        "not started without",
    ),
    "two schedules of one name": (
        schedule("every: 1h}}, {schedule: {name: nightly, tenant_id: t1, every: 2h"),
        "triggers[1].schedule.name",
        "duplicate_name",
        "a second schedule of that tenant 'nightly'",
    ),
    "a schedule that begins too often": (
        schedule("every: 30s"),
        "triggers[0].schedule.every",
        "schedule",
        "a minute and more",
    ),
    "a schedule with a span that is none": (
        schedule("every: 30x"),
        "triggers[0].schedule.every",
        "duration",
        "30s, 5m",
    ),
    # -- Reactions
    "a reaction to nothing": (
        PLACED + f"reactions: [{{{SEND}}}]",
        "reactions[0]",
        "one_of",
        "got none; allowed is one of event, timer",
    ),
    "a reaction to an unknown event": (
        PLACED + f"reactions: [{{event: payed, {SEND}}}]",
        "reactions[0].event",
        "unknown_reference",
        "no event 'payed'; did you mean 'placed'?",
    ),
    "a reaction to an event where there are none": (
        f"reactions: [{{event: placed, {SEND}}}]",
        "reactions[0].event",
        "unknown_reference",
        "no event 'placed'; there are none",
    ),
    "a reaction to a timer that nothing sets": (
        PLACED + "reactions:\n  - {event: placed, set_timers: [{name: remind, after: 1d}]}\n"
        f"  - {{timer: remnd, {SEND}}}\n",
        "reactions[1].timer",
        "unknown_reference",
        "no timer 'remnd'; did you mean 'remind'?",
    ),
    "a timer that is cancelled and that nothing sets": (
        reaction("cancel_timers: [remind]"),
        "reactions[0].cancel_timers[0]",
        "unknown_reference",
        "no timer 'remind'; there are none",
    ),
    "a reaction that does nothing": (
        reaction("when: event.detail.x > 1"),
        "reactions[0]",
        "empty",
        "allowed are set, send, set_timers, cancel_timers",
    ),
    "a field of the data that is not declared": (
        reaction("set: {piad: '1'}", "data: {paid: integer}"),
        "reactions[0].set.piad",
        "unknown_reference",
        "no field of the data 'piad'; did you mean 'paid'?",
    ),
    "an expression about data that is not declared": (
        reaction("set: {paid: data.piad + 1}", "data: {paid: {type: integer, default: 0}}"),
        "reactions[0].set.paid",
        "unknown_reference",
        "no field 'piad' of the data is declared; did you mean 'paid'?",
    ),
    "a condition that cannot be read": (
        reaction(f"when: 1 >, {SEND}"),
        "reactions[0].when",
        "expression",
        "cannot be read",
    ),
    "a timer without a time": (
        reaction("set_timers: [{name: t}]"),
        "reactions[0].set_timers[0]",
        "one_of",
        "got none; allowed is one of after, at",
    ),
    "a timer of two times": (
        reaction("set_timers: [{name: t, after: 1d, at: event.detail.at}]"),
        "reactions[0].set_timers[0]",
        "one_of",
        "got after and at",
    ),
    "a span that is none": (
        reaction("set_timers: [{name: t, after: 1 month}]"),
        "reactions[0].set_timers[0].after",
        "duration",
        "allowed are spans such as 30s, 90m, 3d, 2w, 1mo",
    ),
    "an event in what a timer does": (
        PLACED + "reactions:\n  - {event: placed, set_timers: [{name: t, after: 1d}]}\n"
        "  - {timer: t, send: [{channel: c, message: M, inputs: {x: event.detail.id}}]}\n",
        "reactions[1].send[0].inputs.x",
        "unknown_reference",
        "'event' is there only for events, triggers, constraints and reactions to events",
    ),
    "a message to nobody": (
        reaction("send: [{message: M}]"),
        "reactions[0].send[0].channel",
        "missing",
        "missing",
    ),
    "an unknown field of a reaction": (
        reaction(f"{SEND}, sets: {{}}"),
        "reactions[0].sets",
        "unknown_field",
        "did you mean 'set'?",
    ),
    # -- Data, and what has to hold of it
    "data of a type that there is not": (
        reaction(SEND, "data: {paid: numbr}"),
        "data.paid",
        "schema",
        "numbr",
    ),
    "data that no expression could name": (
        reaction(SEND, "data: {paid-up: number}"),
        "data.paid-up",
        "bad_name",
        "letters, digits and _",
    ),
    "an invariant about an event": (
        reaction(SEND, "invariants: {x: event.detail.x > 1}"),
        "invariants.x",
        "unknown_reference",
        "'event' is there only for",
    ),
    "an ending about an event": (
        reaction(SEND, "ends_when: {x: event.detail.x > 1}"),
        "ends_when.x",
        "unknown_reference",
        "'event' is there only for",
    ),
    "an ending that is no name": (
        reaction(SEND, "ends_when: {not-paid: 'true'}"),
        "ends_when.not-paid",
        "bad_name",
        "letters, digits and _",
    ),
    "a zone that there is not": (
        reaction(SEND, "time_zone: London"),
        "time_zone",
        "time_zone",
        "names of the IANA time zones",
    ),
    "an event in the expression of a step": (
        PLACED + REACTION + "steps: [{name: a, service: A, inputs: {x: event.detail.id}}]",
        "steps[0].inputs.x",
        "unknown_reference",
        "'event' is there only for",
    ),
    "an event in what the process results in": (
        reaction(SEND, "outputs: {x: event.detail.id}"),
        "outputs.x",
        "unknown_reference",
        "'event' is there only for",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_where_it_stands(case: tuple[str, str, str, str]) -> None:
    text, path, code, words = case
    (found,) = errors(read(text))
    assert (found.path, found.code) == (path, code)
    assert words in found.message
    assert found.line is not None


def test_all_errors_are_told_at_once_in_the_order_of_the_text() -> None:
    text = (FOLDER / "order_payment.yaml").read_text()
    for good, bad in (
        ("event: payment-received", "event: payment-recieved"),
        ("cancel_timers: [reminder]", "cancel_timers: [remainder]"),
        ("after: 3d", "after: 3 days"),
        ("data.paid <= data.total", "data.payed <= data.total"),
        ("time_zone: Europe/London", "time_zone: Europe/Londin"),
    ):
        assert good in text
        text = text.replace(good, bad, 1)
    with pytest.raises(InvalidDefinition) as refused:
        ProcessDefinition.from_yaml(text)
    assert sorted(each.code for each in refused.value.findings) == [
        "duration",
        "time_zone",
        "unknown_reference",
        "unknown_reference",
        "unknown_reference",
    ]
    lines = [each.line or 0 for each in refused.value.findings]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "text",
    [
        event("entity: order, status: pending -> confirmed"),
        event("entity: order, status: → confirmed"),
        event("entity: order, change: deleted, tenant_id: event.detail.shop, id: event.detail.n"),
        event("completed: billing, key: event.detail.aggregate_id"),
        trigger("signal: go, inputs: {x: event}"),
        schedule("cron: 0 9 * * MON, time_zone: Europe/London, catch_up: true, overlap: queue"),
        schedule("every: 2h, input: {x: 1}, timeout: 1h"),
        trigger(
            "schedule: {name: n, tenant_id: a, every: 1h}}, {schedule: {name: n, tenant_id: b, "
            "every: 1h}"
        ),
        reaction("set: {a: event.detail.x, b: {c: [data.a]}}"),  # data that is not declared
        reaction("set_timers: [{name: t, after: 1y6mo}, {name: u, at: event.detail.at}]"),
        reaction(SEND, "constraints: {ours: event.detail.shop == process.name && !has(data.x)}"),
        PLACED + REACTION + "steps: [{name: a, service: A, inputs: {x: data.total}}]",
    ],
)
def test_what_is_sound_has_no_errors(text: str) -> None:
    assert errors(read(text)) == []


#: A definition, the code of the one warning, its path, and words of it.
DOUBTFUL = {
    "an event that nothing names": (
        "timeout: 1d\nevents: [{name: e, completed: q}]\nsteps: [{name: a, service: A}]",
        "unused",
        "events[0]",
        "no trigger and no reaction names it",
    ),
    "a timer that nothing follows": (
        "timeout: 1d\n" + reaction("set_timers: [{name: t, after: 1d}]"),
        "unused",
        "reactions[0].set_timers[0]",
        "no reaction follows",
    ),
    "invariants without reactions": (
        "timeout: 1d\nsteps: [{name: a, service: A}]\ninvariants: {x: 1 > 0}",
        "unused",
        "invariants",
        "there are no reactions",
    ),
    "a process that nothing ends": (
        reaction(SEND),
        "no_end",
        "",
        "no steps, no ends_when and no timeout",
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_is_doubtful_is_told_and_can_be_run(case: tuple[str, str, str, str]) -> None:
    text, code, path, words = case
    reading = examine_yaml(f"process: p\nversion: 1\n{text}")
    (found,) = reading.findings
    assert (found.severity, found.code, found.path) == (Severity.WARNING, code, path)
    assert words in found.message
    assert reading.definition is not None


def test_a_definition_of_reactions_alone_is_sound_without_steps() -> None:
    reading = examine_yaml((FOLDER / "order_payment.yaml").read_bytes())
    assert reading.findings == ()
    assert reading.definition is not None
    assert reading.definition.steps == ()
