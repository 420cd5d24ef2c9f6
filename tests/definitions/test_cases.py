"""Given, when, then: cases beside a definition are read strictly, and say what differs (RE-7)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from trellis_process.definitions.yaml_document import read_yaml
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import InvalidInput
from trellis_process.simulation import CaseResult, case_reading, run_cases
from trellis_process.simulation.case_differences import differences
from trellis_process.simulation.case_reading import read_cases

from ..test_docs import ROOT, blocks, page, run, section

DEFINITION = """\
process: order
version: 1
events:
  - name: placed
    pattern: {source: [shop], detail: {total: [{exists: true}]}}
    key: event.detail.id
  - {name: any-of-the-shop, pattern: {source: [shop]}, key: event.detail.id}
  - {name: paid, pattern: {source: [bank]}, key: event.detail.id}
  - {name: shipped, entity: order, status: packed -> shipped}
  - {name: audited, completed: audit, key: event.detail.aggregate_id}
triggers: [{event: placed, inputs: {total: event.detail.total}}]
inputs: {total: number}
data:
  seen: {type: integer, default: 0}
  paid: {type: number, default: 0.0}
  shipped: {type: boolean, default: false}
  on: {type: string, default: ""}
constraints: {ours: "!has(event.detail.shop) || event.detail.shop == 'ours'"}
reactions:
  - event: any-of-the-shop
    set: {seen: data.seen + 1}
  - event: placed
    send: [{channel: mails, message: Welcome, inputs: {total: input.total}}]
    set_timers: [{name: reminder, after: 3d}, {name: due, at: event.detail.due}]
  - event: paid
    set: {paid: data.paid + double(event.detail.amount)}
    cancel_timers: [reminder]
  - {event: shipped, set: {shipped: "true"}}
  - {event: audited, send: [{channel: mails, message: Audited}]}
  - timer: reminder
    set: {seen: data.seen + 10}
    send: [{channel: mails, message: Reminder}]
    set_timers: [{name: reminder, after: 3d}]
  - timer: due
    set: {seen: data.seen + 100}
invariants: {few: data.seen < 111, not_too_much: data.paid <= double(input.total)}
ends_when: {paid: data.paid >= double(input.total)}
time_zone: Europe/London
timeout: 60d
"""
PLACED = "{event: placed, detail: {id: o-1, total: 30, due: 2026-02-01T09:00:00Z}}"


def results(tmp_path: Path, cases: str, definition: str = DEFINITION) -> list[CaseResult]:
    (tmp_path / "order.yaml").write_text(definition)
    file = tmp_path / "order.cases.yaml"
    file.write_text(cases)
    return run_cases(file)


def result(tmp_path: Path, *, given: str = "", when: str = PLACED, then: str) -> CaseResult:
    given = f"  given: [{given}]\n" if given else ""
    (found,) = results(tmp_path, f"- name: n\n{given}  when: {when}\n  then: {then}\n")
    return found


def paid(amount: float, more: str = "") -> str:
    return f"{{event: paid, {more}detail: {{id: o-1, amount: {amount}}}}}"


#: What comes before, what comes, and what follows from it.
SOUND = {
    "an event starts the process, by all its names": (
        "",
        PLACED,
        "{data: {seen: 1}, ended: null, sends: [{channel: mails, message: Welcome}]}",
    ),
    "what a message says": (
        "",
        PLACED,
        "{sends: [{channel: mails, message: Welcome, payload: {total: 30.0}}]}",
    ),
    "timers by spans and by moments": (
        "",
        PLACED,
        "{sets_timers: {reminder: 3d, due: 2026-02-01T09:00:00Z}, cancels_timers: []}",
    ),
    "a timer that is set anew at another time": (
        PLACED,
        PLACED.replace("{event", "{at: 1d, event"),
        "{sets_timers: {reminder: 3d, due: 2026-02-01T09:00:00Z}}",
    ),
    "a timer that is cancelled": (PLACED, paid(1), "{cancels_timers: [reminder], sets_timers: {}}"),
    "a timer that rings": (
        PLACED,
        "{timer: reminder}",
        "{sends: [{channel: mails, message: Reminder}], sets_timers: {reminder: 3d}}",
    ),
    "others ring before it, and what is refused then fails it": (
        PLACED.replace("2026-02-01", "2026-01-08"),
        "{timer: due}",
        "{refused: few, ended: failed, data: {seen: 21}}",
    ),
    "timers ring before a later event": (PLACED, paid(1, "at: 4d, "), "{data: {seen: 11}}"),
    "an ending": (PLACED, paid(30), "{ended: paid, cancels_timers: [due, reminder]}"),
    "an invariant": (PLACED, paid(31), "{refused: not_too_much, data: {paid: 0}, ended: null}"),
    "a constraint": (
        "",
        "{event: placed, detail: {id: o-1, total: 1, shop: theirs}}",
        "{refused: ours}",
    ),
    "no value": (PLACED, "{event: paid, detail: {id: o-1}}", "{refused: expression}"),
    "an event after the end": (f"{PLACED}, {paid(30)}", paid(1), "{refused: ended}"),
    "a repeat": (
        f"{PLACED}, {paid(1, 'id: p, ')}",
        paid(1, "id: p, "),
        "{data: {paid: 1}, sends: [], sets_timers: {}, cancels_timers: []}",
    ),
    "a status of an entity": (
        PLACED,
        "{event: shipped, detail: {id: o-1}}",
        "{data: {shipped: true}}",
    ),
    "another process": (
        PLACED,
        "{event: audited, detail: {aggregate_id: o-1, definition_version: 2}}",
        "{sends: [{channel: mails, message: Audited}]}",
    ),
    "the time limit of the process": (
        PLACED.replace("2026-02-01T09:00:00Z", "2027-01-01T09:00:00Z"),
        paid(1, "at: 61d, "),
        "{refused: ended, ended: failed}",
    ),
}


@pytest.mark.parametrize("case", SOUND.values(), ids=SOUND)
def test_what_is_so_is_as_expected(tmp_path: Path, case: tuple[str, str, str]) -> None:
    given, when, then = case
    assert result(tmp_path, given=given, when=when, then=then).differences == ()


#: What comes before, what comes, what is expected, and what differs.
DIFFERENT = {
    "data": (PLACED, paid(10), "{data: {paid: 20}}", "then.data.paid: expected 20, got 10.0"),
    "data that is not there": (
        PLACED,
        paid(10),
        "{data: {on: later}}",
        "then.data.on: expected later, got ",
    ),
    "true is not one": (
        PLACED,
        "{event: shipped, detail: {id: o-1}}",
        "{data: {shipped: 1}}",
        "then.data.shipped: expected 1, got true",
    ),
    "a message": (
        "",
        PLACED,
        "{sends: [{channel: mails, message: Reminder}]}",
        "then.sends[0]: expected Reminder to mails, got Welcome to mails",
    ),
    "no message": (PLACED, paid(1), "{sends: [{channel: mails, message: Welcome}]}", "got nothing"),
    "a message too many": (
        "",
        PLACED,
        "{sends: []}",
        "then.sends[0]: expected nothing, got Welcome to mails",
    ),
    "what a message says": (
        "",
        PLACED,
        "{sends: [{channel: mails, message: Welcome, payload: {total: 31}}]}",
        'then.sends[0].payload: expected {"total": 31}, got {"total": 30',
    ),
    "when a timer is due": (
        "",
        PLACED,
        "{sets_timers: {reminder: 4d, due: 2026-02-01T09:00:00Z}}",
        "then.sets_timers.reminder: expected 2026-01-05T09:00:00.000Z, got 2026-01-04T09:00",
    ),
    "a timer too many": (
        "",
        PLACED,
        "{sets_timers: {reminder: 3d}}",
        "then.sets_timers.due: expected nothing, got 2026-02-01",
    ),
    "a timer that is not cancelled": (
        PLACED,
        paid(1),
        "{cancels_timers: [due]}",
        'then.cancels_timers: expected ["due"], got ["reminder"]',
    ),
    "an ending": (PLACED, paid(1), "{ended: paid}", "then.ended: expected paid, got still open"),
    "no ending": (PLACED, paid(30), "{ended: null}", "then.ended: expected still open, got paid"),
    "a refusal that nobody expects": (
        PLACED,
        paid(31),
        "{data: {paid: 0}}",
        "expected that it is taken, got that it is refused: invariant 'not_too_much'",
    ),
    "a refusal that does not come": (
        PLACED,
        paid(1),
        "{refused: not_too_much}",
        "then.refused: expected not_too_much, got that it is taken",
    ),
    "another refusal": (
        PLACED,
        paid(31),
        "{refused: ours}",
        "then.refused: expected ours, got not_too_much: invariant",
    ),
    "an event before that is refused": (
        f"{PLACED}, {paid(31)}",
        paid(1),
        "{data: {paid: 1}}",
        "given[1]: it is refused: invariant 'not_too_much'",
    ),
    "an event of another process": (
        PLACED,
        "{event: paid, detail: {id: o-2, amount: 1}}",
        "{data: {paid: 1}}",
        "when: it is for another process; its key is 'o-2', and that of the one before 'o-1'",
    ),
    "a timer that does not run": (
        f"{PLACED}, {paid(1)}",
        "{timer: reminder}",
        "{data: {paid: 1}}",
        "when.timer: 'reminder' does not run; there are due",
    ),
    "a process that is not started": (
        "",
        paid(1),
        "{data: {paid: 1}}",
        "the start: it is refused: input.total: got",
    ),
    "times that go back": (
        paid(1, "at: 2d, ").join([f"{PLACED}, ", ""]),
        paid(1, "at: 1d, "),
        "{data: {paid: 2}}",
        "when.at: that is before the one before it",
    ),
}


@pytest.mark.parametrize("case", DIFFERENT.values(), ids=DIFFERENT)
def test_what_is_otherwise_is_told_as_expected_and_got(
    tmp_path: Path, case: tuple[str, str, str, str]
) -> None:
    given, when, then, words = case
    found = result(tmp_path, given=given, when=when, then=then)
    (difference,) = found.differences
    assert not found.passed
    assert words in difference
    assert str(found).splitlines() == ["n", f"  {difference}"]


def test_somebody_may_start_the_process_where_no_event_does(tmp_path: Path) -> None:
    cases = f"- name: n\n  input: {{total: 5}}\n  when: {paid(5)}\n  then: {{ended: paid}}\n"
    assert results(tmp_path, cases)[0].passed


def test_it_begins_when_it_is_said_to_and_days_are_those_of_its_zone(tmp_path: Path) -> None:
    placed = PLACED.replace("2026-02", "2028-02")
    cases = (
        f"- name: n\n  start: 2027-03-26T09:00:00Z\n  when: {placed}\n"
        "  then: {sets_timers: {reminder: 2027-03-29T08:00:00Z, due: 2028-02-01T09:00:00Z}}\n"
    )
    assert results(tmp_path, cases)[0].differences == ()


def test_timers_that_set_each_other_for_ever_end_the_case(tmp_path: Path) -> None:
    past = "at: \"'2026-01-01T00:00:00Z'\""
    definition = (
        "process: p\nversion: 1\ntimeout: 9d\n"
        "events: [{name: go, pattern: {source: [a]}, key: event.detail.id}]\n"
        "triggers: [{event: go}]\nreactions:\n"
        f"  - {{event: go, set_timers: [{{name: one, {past}}}]}}\n"
        f"  - {{timer: one, set_timers: [{{name: two, {past}}}]}}\n"
        f"  - {{timer: two, set_timers: [{{name: one, {past}}}]}}\n"
    )
    go = "{event: go, detail: {id: '1'}}"
    cases = f"- name: n\n  given: [{go}]\n  when: {go.replace('{event', '{at: 1d, event')}\n"
    (found,) = results(tmp_path, cases + "  then: {ended: null}\n", definition)
    assert found.differences == ("something was due 10,000 times, and is so still",)


# -- Reading ---------------------------------------------------------------------------------------


def test_all_that_is_wrong_with_a_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    cases = """\
- name: one
  givn: []
  when: {event: plced, detail: {}}
  then: {data: {payd: 1}, sets_timers: {remindr: 3d, due: 3 days}, ended: payed}
- name: one
  start: tomorrow
  given: [{event: paid, at: 1 day}, {detail: {}}]
  when: {timer: due, at: 1d}
  then: {refused: not_to_much, cancels_timers: [dew], sends: [{channel: mail, message: M}]}
- when: {event: paid, timer: due}
  then: {}
- {name: three, when: {event: shipped, detail: {previous_status: new}}, then: {ended: 3}}
- four
"""
    with pytest.raises(InvalidInput) as refused:
        results(tmp_path, cases)
    told = str(refused.value)
    for words in (
        "order.cases.yaml: got 21 errors",
        "line 2, column 3: [0].givn: there is no such field; did you mean 'given'?",
        "[0].when.event: no event 'plced'; did you mean 'placed'?",
        "[0].then.data.payd: no field of the data 'payd'; did you mean 'paid'?",
        "[0].then.sets_timers.remindr: no timer 'remindr'; did you mean 'reminder'?",
        "[0].then.sets_timers.due: got '3 days'; allowed are spans",
        "[0].then.ended: no ending 'payed'; did you mean 'paid'?",
        "line 5, column 9: [1].name: a second case 'one'; the first one is in line 1",
        "[1].start: got 'tomorrow'; allowed is a moment",
        "[1].given[0].at: got '1 day'",
        "[1].given[1]: got none; allowed is the name of an event",
        "[1].when.at: it belongs to an event; a timer rings when it is due",
        "[1].then.refused: no constraint or invariant 'not_to_much'; did you mean 'not_too_much'?",
        "[1].then.cancels_timers[0]: no timer 'dew'; did you mean 'due'?",
        "[1].then.sends[0].channel: no channel of a reaction 'mail'; did you mean 'mails'?",
        "[2].name: it is missing",
        "[2].when: got both; allowed is event or timer",
        "[2].then: it is empty; allowed are sends, sets_timers",
        "[3].when: the pattern of event 'shipped' does not know it",
        "[3].then.ended: got 3; allowed is text, or null for still open",
        "[4]: got 'four'; allowed is a mapping with name, input",
    ):
        assert words in told


def test_a_file_that_is_no_list_has_no_cases(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="allowed is a list of cases"):
        results(tmp_path, "name: x\n")


def test_cases_stand_beside_their_definition(tmp_path: Path) -> None:
    file = tmp_path / "order.cases.yaml"
    file.write_text("[]\n")
    with pytest.raises(InvalidInput, match=r"order\.yaml beside it, and there is none"):
        run_cases(file)
    (tmp_path / "order.yaml").write_text("process: order\nversion: 0\n")
    with pytest.raises(InvalidInput, match=r"order\.yaml: got 2 errors"):
        run_cases(file)
    assert run_cases(file, ProcessDefinition.from_yaml(DEFINITION)) == []


def test_cases_and_definition_may_be_json(tmp_path: Path) -> None:
    definition = ProcessDefinition.from_yaml(DEFINITION)
    (tmp_path / "order.json").write_text(definition.to_json())
    case = {
        "name": "n",
        "input": {"total": 3},
        "when": {"event": "paid", "detail": {"id": "1", "amount": 3}},
        "then": {"ended": "paid"},
    }
    (tmp_path / "order.cases.json").write_text(json.dumps([case]))
    assert [each.passed for each in run_cases(tmp_path / "order.cases.json")] == [True]


# -- The page --------------------------------------------------------------------------------------


def test_the_page_shows_the_example_as_it_is_and_what_it_tells() -> None:
    folder = ROOT / "examples" / "order_payment"
    text = page("reactions.md")
    shown, cases = blocks(text, "yaml")
    assert shown in (folder / "definition.yaml").read_text(encoding="utf-8")
    assert blocks(text, "text")[0].strip() == run(folder / "main.py").strip()
    definition = ProcessDefinition.from_yaml((folder / "definition.yaml").read_bytes())
    found = read_cases(read_yaml(cases), definition)
    assert [list(differences(each, definition)) for each in found] == [[], []]


def test_every_field_of_a_case_is_in_the_page() -> None:
    text = section(page("reactions.md"), "## Cases")
    tables = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    known = {*case_reading.CASE, *case_reading.EVENT, *case_reading.THEN}
    assert set(re.findall(r"`([\w-]+)`", tables)) == known
