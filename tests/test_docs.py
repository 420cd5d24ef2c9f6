"""The pages are true: their programs run, their examples are the code's own, nothing is missing.

Where an example has changed on purpose, the failing test shows what belongs in the page.
"""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    Process,
    ProcessService,
    ProcessStep,
    TimeoutCheckerService,
    errors,
)
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain import limits
from trellis_process.domain.events import EVENT_TYPES
from trellis_process.domain.states import (
    PROCESS_MOVES,
    STEP_MOVES,
    ProcessState,
    StepState,
    WaitingFor,
)
from trellis_process.dynamodb import item_events, item_steps, schema
from trellis_process.dynamodb.item import to_item
from trellis_process.errors import TrellisError
from trellis_process.eventbridge import SOURCE, envelopes
from trellis_process.http import build_api, refusals
from trellis_process.http.problems import INTERNAL_ERROR, KINDS
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.memory.view_store import InMemoryViewStore
from trellis_process.testing.clock import ManualClock
from trellis_process.views.bus_event import read_event
from trellis_process.views.feeder import ViewFeeder

from .definition_story import told_story
from .reaction_story import told_order
from .schedule_story import told_schedule
from .step_api_server import StepApi, gateway_event, step_api
from .test_examples import ROOT, run

__all__ = ["step_api"]  # a fixture, found by its name

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

BEGINNING = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
WORKER = "arn:aws:sts::123456789012:assumed-role/case-service/case"
NURSE = "arn:aws:sts::123456789012:assumed-role/ward/nurse"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """What stands in a page's fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading!r}"
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> dict[str, list[str]]:
    """The table rows of a text by what their first cell holds in backticks."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (name := re.fullmatch(r"`([^`]+)`", cells[0])):
            found[name[1]] = cells[1:]
    return found


# ---------------------------------------------------------------- every page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_program_in_a_page_runs_as_it_stands(path: Path, step_api: StepApi) -> None:
    for block in blocks(path.read_text(encoding="utf-8"), "python"):
        if block.startswith(("from ", "import ")):
            run(block, step_api.url)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_pages_and_to_files_resolve(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        assert target.exists(), f"{path.name} links to {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{path.name}: {link}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_of_the_docs_opens_with_what_it_answers(path: Path) -> None:
    title, blank, opening = path.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith("# ")
    assert blank == ""
    assert opening


def test_the_tour_names_only_what_is_there() -> None:
    """Rows that begin with a link to a source name functions and classes of it."""
    found = re.findall(r"^\| \[[^]]+\]\(([^)]+\.py)\) \| ([^|]+) \|", page("tour.md"), re.MULTILINE)
    assert len(found) > 10
    for link, names in found:
        source = (DOCS / link).read_text(encoding="utf-8")
        for name in re.findall(r"`([^`]+)`", names):
            *_, last = name.split(".")
            assert re.search(rf"(def|class) {last}\b", source), f"{name} is not in {link}"


# ---------------------------------------------------------------- events.md and data-model.md


def documented_journey() -> list[Process]:
    """Each saved version of the processes that the pages show."""
    clock = ManualClock(BEGINNING)
    saved: list[Process] = []
    trackers = InMemoryStepTrackerRepository()
    ids = iter(
        (
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "b1d0fa94-1f35-4d0b-8d4c-6f1cbb0f7a52",
            "e2a45c0e-93a8-4c79-a0b1-51b7a2a0c6d3",
            "4d2f7b60-0c5e-4a5e-9a39-8f1d6c3b2e71",
        )
    )
    service = ProcessService(
        InMemoryProcessRepository(saved.append), trackers, clock=clock, new_id=lambda: next(ids)
    )
    checker = TimeoutCheckerService(trackers, clock=clock)

    def start() -> Process:
        return service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id="ref-123",
            steps=[
                ProcessStep(name="create_case", timeout_ms=30_000, retries_permitted=1),
                ProcessStep(name="tell_patient"),
            ],
            metadata={"priority": "high"},
            timeout_ms=86_400_000,
            actor=WORKER,
        )

    completed = start()
    service.start_step(completed, "create_case", actor=WORKER)
    clock.advance(seconds=40)
    checker.check_for_timed_out_steps()
    clock.advance(milliseconds=2_480)
    service.complete_step(completed, "create_case", {"case": "c-77"}, actor=WORKER)
    service.complete_step(completed, "tell_patient", actor=WORKER)
    failed = start()
    service.fail_step(failed, "tell_patient", "no address known", code="no_address", actor=WORKER)
    service.start_step(failed, "tell_patient", actor=WORKER, reason="address found")
    called_off = start()
    service.cancel_process(called_off, actor=WORKER, reason="referral withdrawn")
    waiting = start()
    service.start_step(waiting, "create_case", actor=WORKER)
    service.fail_step(
        waiting,
        "create_case",
        "the register is closed",
        code="closed",
        retry_after_ms=600_000,
        actor=WORKER,
        attempt=1,
    )
    clock.advance(minutes=10)
    checker.check_for_timed_out_steps()
    service.suspend_step(
        waiting, "create_case", timeout_ms=3_600_000, actor=WORKER, reason="a nurse decides"
    )
    clock.advance(minutes=25)
    service.resume_step(waiting, "create_case", {"approved": True}, actor=NURSE)
    return saved


def documented_item() -> dict[str, Any]:
    """The item of the first process once its first step is completed."""
    process = documented_journey()[3]
    return to_item(replace(process, version=process.version - 1))


def test_every_event_has_its_section_with_an_example_that_the_code_made() -> None:
    processes = [*documented_journey(), *told_story(), *told_schedule(), *told_order()]
    # Of two endings of the story, which have the same id, the first is shown.
    told = {each["id"]: each for process in reversed(processes) for each in envelopes(process)}
    for event_type in EVENT_TYPES:
        text = section(page("events.md"), f"### {event_type}")
        (example,) = blocks(text, "json")
        shown = json.loads(example)
        assert shown["type"] == event_type
        assert shown == told[shown["id"]]


def test_every_field_of_an_event_is_in_its_table() -> None:
    schemas = json.loads(page("events.schema.json"))["$defs"]
    of_all = set.intersection(*(set(schemas[name]["properties"]) for name in EVENT_TYPES))
    envelope = rows(section(page("events.md"), "## The envelope"))
    assert set(envelope) == of_all
    for name in EVENT_TYPES:
        fields = rows(section(page("events.md"), f"### {name}"))
        assert set(fields) == set(schemas[name]["properties"]) - of_all, name


def test_the_rule_in_the_events_page_matches_what_is_sent() -> None:
    (template, *_) = blocks(page("events.md"), "yaml")
    rule = yaml.safe_load(re.sub(r"!(Ref|GetAtt|Sub) ", "", template))["Resources"]
    pattern = rule["CaseFailures"]["Properties"]["EventPattern"]
    assert pattern["source"] == [SOURCE]
    assert set(pattern["detail-type"]) <= set(EVENT_TYPES)
    assert set(pattern["detail"]) <= {"process_type", "tenant_id"}


def every_attribute() -> set[str]:
    """The attributes of an item that the code can write."""
    body = inspect.getsource(to_item)
    return set(re.findall(r'^ +"(\w+)": ', body, re.MULTILINE)) | set(
        re.findall(r'values\["(\w+)"\] = ', body)
    )


def test_every_attribute_of_an_item_is_in_the_data_model() -> None:
    text = page("data-model.md")
    assert set(documented_item()) <= every_attribute()
    assert set(rows(section(text, "### Of the item"))) == every_attribute()
    assert set(rows(section(text, "### Of a step"))) == set(item_steps.SHORT_NAMES.values())
    assert set(rows(section(text, "### Of an event"))) == set(item_events.SHORT_NAMES.values())
    letters = " ".join(section(text, "### Of a step").split())
    for (state, waits_for), letter in item_steps.STATE_LETTERS.items():
        meaning = state.value if waits_for is None else f"{state.value} for {waits_for.value}"
        assert f"`{letter}` {meaning}" in letters or not letter


def test_the_item_in_the_data_model_is_the_one_that_the_code_writes() -> None:
    (shown, *_) = blocks(page("data-model.md"), "json")
    assert json.loads(shown) == documented_item()


def test_every_index_is_in_the_data_model() -> None:
    indexes = rows(section(page("data-model.md"), "## Keys and indexes"))
    for name, keys in schema.INDEX_KEYS.items():
        assert [f"`{key}`" for key in keys] == indexes[name][:2]
    for name, kind in schema.ATTRIBUTE_TYPES.items():
        assert rows(section(page("data-model.md"), "### Of the item"))[name][0] == kind


def test_the_write_units_in_the_data_model_are_those_that_the_code_costs() -> None:
    assert run(ROOT / "examples" / "write_units.py") in page("data-model.md")


def test_every_limit_is_in_the_data_model() -> None:
    shown = rows(section(page("data-model.md"), "## Limits"))
    names = {name for name in vars(limits) if name.startswith("MAX_")}
    assert names <= set(shown)
    for name in names:
        assert shown[name][0] == f"{getattr(limits, name):,}", name


# ---------------------------------------------------------------- api.md


def classes_of(*modules: Any) -> Iterator[type[TrellisError]]:
    for module in modules:
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, TrellisError):
                yield each


def test_every_error_code_is_in_the_api_page_with_its_status() -> None:
    shown = rows(section(page("api.md"), "## Errors"))
    codes = {INTERNAL_ERROR: 500}
    for each in classes_of(errors, refusals):
        if each is not TrellisError and not issubclass(each, refusals.InvalidRequest):
            kind = next(KINDS[base] for base in each.__mro__ if base in KINDS)
            codes[each.code] = kind.status
    never_raised_bare = {"conflict", "store_error"}
    assert set(shown) == set(codes) - never_raised_bare
    for code, cells in shown.items():
        assert cells[0] == str(codes[code]), code


def test_every_route_is_in_the_api_page() -> None:
    document = json.loads((ROOT / "trellis_process" / "http" / "openapi.json").read_text())
    shown = {
        tuple(re.findall(r"`([^`]+)`", line)[:2])
        for line in section(page("api.md"), "## Routes").splitlines()
        if line.startswith("| `")
    }
    assert shown == {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }


def requests_and_answers() -> Iterator[tuple[list[str], str]]:
    """Each call that the page shows, in words of the shell, and the answer that it shows."""
    pairs = r"```sh\n(trellis .*?)```\n+```http\n(.*?)```"
    for call, answer in re.findall(pairs, page("api.md"), re.DOTALL):
        yield shlex.split(call), answer


def target_of(words: list[str], text: str) -> tuple[str, str, str]:
    """Method, path and query of a call, with the shell's variables as the page sets them."""
    target = words[1]
    for name in ("APPROVAL", "PROCESS", "PROCESSES"):  # the first two are made of the last
        (value,) = re.findall(rf"^{name}=(\S+)$", text, re.MULTILINE)
        target = re.sub(rf"\${name}\b", value, target)
    path, _, query = target.partition("?")
    if "--request" in words:
        return words[words.index("--request") + 1], path, query
    return "POST" if "--json" in words else "GET", path, query


def answer_to(api: Any, words: list[str], text: str) -> dict[str, Any]:
    """What the API answers to a call of the page's shell function."""
    method, path, query = target_of(words, text)
    options = words[2:]
    assert query == "&".join(sorted(query.split("&"))), "curl signs a query only in this order"
    headers, body = {}, ""
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option == "--json":
            body, headers["Content-Type"] = value, "application/json"
        elif option == "--header":
            name, _, text = value.partition(": ")
            headers[name] = text
        else:
            assert option == "--request"
    event = gateway_event(method, path, query, headers, body)
    event["requestContext"]["authorizer"]["iam"]["userArn"] = WORKER
    response: dict[str, Any] = api.answer(api.read(event)).response
    return response


def test_the_calls_in_the_api_page_are_answered_as_it_shows() -> None:
    clock = ManualClock(BEGINNING)
    ids = iter(["b1d0fa94-1f35-4d0b-8d4c-6f1cbb0f7a52"])
    views = InMemoryViewStore()
    feeder = ViewFeeder(views)
    processes = InMemoryProcessRepository(
        lambda process: feeder.feed([read_event(each) for each in envelopes(process)])
    )
    service = EngineService(
        processes,
        definitions=DefinitionCatalog(InMemoryDefinitionRepository()),
        clock=clock,
        new_id=lambda: next(ids),
    )
    jobs = JobService(
        processes,
        InMemoryJobRepository(),
        definitions=service.definitions,
        clock=clock,
        new_id=lambda: "5f0c41c2-7a35-4c1c-9f43-0d6f5c2c9a11",
        tell=lambda *job: jobs.run(*job),
    )
    api = build_api(service, lambda: service, jobs=lambda: jobs, views=lambda: views)
    used = set()
    for words, shown in requests_and_answers():
        response = answer_to(api, words, page("api.md"))
        method, path, _ = target_of(words, page("api.md"))
        used.add(api.read(gateway_event(method, path, "", {}, "")).operation)
        clock.advance(milliseconds=1_240)
        head, _, body = shown.partition("\n\n")
        status, *headers = head.strip().splitlines()
        assert int(status.split()[1]) == response["statusCode"], (words, response["body"])
        for line in headers:
            name, _, value = line.partition(": ")
            assert response["headers"][name] == value, (words, name)
        if "yaml" in response["headers"].get("Content-Type", ""):
            assert body == response["body"], words
        elif body.strip():
            assert json.loads(body) == json.loads(response["body"]), words
    document = json.loads((ROOT / "trellis_process" / "http" / "openapi.json").read_text())
    assert used == {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }


# ---------------------------------------------------------------- rules.md and on-aws.md


@pytest.mark.parametrize(
    ("heading", "states", "moves"),
    [
        ("### Of a process", ProcessState, PROCESS_MOVES),
        ("### Of a step", StepState, STEP_MOVES),
    ],
)
def test_every_state_and_its_moves_are_in_the_rules(heading: str, states: Any, moves: Any) -> None:
    shown = rows(section(page("rules.md"), heading))
    assert list(shown) == [state.value for state in states]
    for state in states:
        named = set(re.findall(r"`(\w+)`", shown[state.value][-1]))
        assert named == {each.value for each in moves[state]}, state


def test_what_a_step_may_wait_for_is_in_the_rules() -> None:
    assert set(rows(section(page("rules.md"), "### Waiting"))) >= set(WaitingFor)


def template() -> dict[str, Any]:
    text = (ROOT / "infra" / "template.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(re.sub(r"!\w+ ?", "", text))
    return loaded


def test_every_parameter_and_output_of_the_stack_is_in_the_page_on_aws() -> None:
    text = page("on-aws.md")
    parameters = rows(section(text, "### Parameters"))
    assert set(parameters) == set(template()["Parameters"])
    for name, parameter in template()["Parameters"].items():
        default = parameter["Default"]
        assert parameters[name][0] == (f"`{default}`" if default != "" else "-"), name
    assert set(rows(section(text, "### Outputs"))) == set(template()["Outputs"])


def test_every_metric_is_in_the_page_on_aws() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "lambdas").glob("*.py"))
    named = set(re.findall(r'add_metric\(\s*"(\w+)"', sources))
    assert set(rows(section(page("on-aws.md"), "## What to watch"))) >= named
