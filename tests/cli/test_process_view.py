"""A process that a definition orders, as a person sees it: what it waits for, little of much."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from trellis_process import Process, ProcessDefinition
from trellis_process.cli.console import Console as Terminal
from trellis_process.cli.process_view import print_processes, process_view
from trellis_process.runner import Runner
from trellis_process.testing import ManualClock

EXPENSE = """
process: expense
version: 3
inputs: {amount: number, parcels: array}
search_attributes: {amount: input.amount}
steps:
  - {name: check, service: Expenses.check, timeout: 30s, retry: {max_attempts: 2, interval: 10s}}
  - name: review
    sla: {max_duration: 1d}
    human_task:
      surface: expense_review
      assignee_role: manager
      outcomes: [{name: approve}, {name: reject, goto: fail}]
  - name: settle
    parallel:
      branches:
        - name: stock
          steps:
            - {name: reserve, service: Stock.reserve, timeout: 1h, compensate_with: release}
            - {name: cool_off, wait: 3d}
        - name: money
          steps:
            - {name: receipt, wait_for_signal: receipt, timeout: 7d}
  - name: pack
    foreach:
      items: input.parcels
      max_concurrency: 1000
      steps:
        - {name: pick, service: Warehouse.pick, timeout: 1h}
  - {name: ship, subprocess: shipping, timeout: 14d}
compensations:
  - {name: release, service: Stock.release, timeout: 1h}
timeout: 30d
"""

SHIPPING = """
process: shipping
version: 1
steps: [{name: book, service: Carrier.book, timeout: 10d}]
"""

BATCH = """
process: batch
version: 1
inputs: {refunds: array}
steps:
  - name: pay_all
    foreach:
      items: input.refunds
      steps:
        - {name: pay, service: Bank.pay, timeout: 1h, compensate_with: take_back}
  - {name: signed, wait_for_signal: signed, timeout: 2d}
compensations: [{name: take_back, service: Bank.take_back, timeout: 1h}]
timeout: 30d
"""

LONG = """
process: long
version: 1
steps:
""" + "".join(f"  - {{name: s{n}, service: S.s, timeout: 1m}}\n" for n in range(40))

REACTS = """
process: reacts
version: 1
timeout: 30d
events: [{name: paid, completed: billing}]
data: {paid: {type: integer, default: 7}}
reactions: [{event: paid, set: {paid: data.paid + 1}}]
"""


class Office:
    """A runner whose services are people in a test, and the view of its processes."""

    def __init__(self) -> None:
        self.runner = Runner(clock=ManualClock(), allow_missing=True)
        self.documents: dict[str, Any] = {}
        for text in (EXPENSE, SHIPPING, LONG, REACTS):
            definition = ProcessDefinition.from_yaml(text)
            self.runner.register(definition)
            self.documents[definition.process] = definition.to_dict()

    def start(self, definition: str = "expense", parcels: int = 3) -> Process:
        given = {"amount": 12, "parcels": [f"p{n}" for n in range(parcels)]}
        process = self.runner.start(
            definition, tenant_id="t", input=given if definition == "expense" else {}
        )
        self.runner.run()
        return process

    def done(self, process: Process, *steps: str, **said: Any) -> None:
        for step in steps:
            self.runner.engine.complete_step(process.key, step, **said)
        self.runner.run()

    def at_items(self, parcels: int) -> Process:
        process = self.start(parcels=parcels)
        self.done(process, "check")
        self.done(process, "review", outcome="approve")
        self.done(process, "reserve")
        self.runner.engine.signal(process.key, "receipt")
        self.runner.advance(days=3)
        return process

    def view(self, process: Process, width: int = 140, *, is_known: bool = True) -> list[str]:
        """The lines, each with its spaces and its bar left out."""
        process = self.runner.engine.get_process("t", process.process_id)
        document = self.documents[process.process_type] if is_known else None
        shown = printed(process_view(process, self.runner.clock(), width, document), width)
        lines = [" ".join(line.replace("·", "").split()) for line in shown.splitlines()]
        return [" ".join(line.replace("━", "").split()) for line in lines]


def printed(renderable: Any, width: int = 140) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(renderable)
    return console.export_text()


@pytest.fixture
def office() -> Office:
    return Office()


def test_the_version_the_input_and_what_is_still_to_come_are_shown(office: Office) -> None:
    process = office.start()

    lines = office.view(process)

    assert lines[0] == "expense 3: in progress"
    assert 'search attributes {"amount": 12}' in lines
    assert 'input {"amount": 12, "parcels": ["p0", "p1", "p2"]}' in lines
    assert "check in progress 1 Expenses.check, due in 30 s" in lines
    assert "review not entered" in lines
    assert "ship not entered" in lines


def test_a_retry_says_when_it_comes_and_why(office: Office) -> None:
    process = office.start()
    office.runner.engine.fail_step(process.key, "check", "no answer", attempt=1)

    assert "check waiting 1 tried again in 10 s, after: no answer" in office.view(process)


def test_a_task_says_who_is_asked_what_and_until_when(office: Office) -> None:
    process = office.start()
    office.done(process, "check")
    asked = "review waiting 1 manager at expense_review: approve or reject, due in 7 d"
    assert asked in office.view(process)

    office.runner.engine.claim_task(process.key, "review", by="anna")
    mine = "review waiting 1 anna, manager at expense_review: approve or reject, due in 7 d"
    assert mine in office.view(process)

    office.done(process, "review", outcome="approve")
    assert "review completed 1 approve" in office.view(process)


def test_being_late_by_agreement_is_said(office: Office) -> None:
    process = office.start()
    office.done(process, "check")
    office.runner.advance(days=2)

    assert "step review took 24 h, more than agreed (sla)" in office.view(process)


def test_branches_stand_below_their_step_and_say_what_they_wait_for(office: Office) -> None:
    process = office.start()
    office.done(process, "check")
    office.done(process, "review", outcome="approve")
    office.done(process, "reserve", output={"hold": "h-1"})

    lines = office.view(process)

    begin = lines.index("settle waiting 1 branches open: stock, money")
    assert lines[begin + 1 : begin + 6] == [
        "branch stock",
        'reserve completed 1 {"hold": "h-1"}',
        "cool_off waiting 1 goes on in 3 d",
        "branch money",
        "receipt waiting 1 the signal receipt, for 7 d at most",
    ]


def test_of_many_items_the_failed_and_the_open_ones_are_shown_and_the_rest_counted(
    office: Office,
) -> None:
    process = office.at_items(20)
    office.done(process, *(f"pick:{n}" for n in range(15)))
    office.runner.engine.fail_step(process.key, "pick:18", "it is gone", attempt=1)

    lines = office.view(process)

    begin = lines.index("pack waiting 1 16 of 20 items done, 1 failed (item 18: it is gone)")
    assert lines[begin + 1 : begin + 7] == [
        "pick:15 in progress 1 Warehouse.pick, due in 60 m",
        "pick:16 in progress 1 Warehouse.pick, due in 60 m",
        "pick:17 in progress 1 Warehouse.pick, due in 60 m",
        "pick:18 failed 1 it is gone",
        "pick:19 in progress 1 Warehouse.pick, due in 60 m",
        "and 15 more items",
    ]


def test_a_thousand_items_do_not_flood_the_screen(office: Office) -> None:
    process = office.at_items(1000)

    lines = office.view(process)

    begin = lines.index("pack waiting 1 0 of 1,000 items done")
    assert [line.split()[:2] for line in lines[begin + 1 : begin + 4]] == [
        ["part", "0"],
        ["part", "1"],
        ["part", "2"],
    ]
    assert lines[begin + 4] == "and 37 more"
    child_id = lines[begin + 1].split()[2]
    child = office.runner.engine.get_process("t", child_id)
    part = office.view(child)
    assert f"child of {process.process_id}, for its step pack, part 0 of its items" in part
    assert "pack waiting 1 0 of 25 items done" in part
    assert "and 20 more items" in part
    assert len(part) < 20


def test_a_child_is_named_where_its_step_waits_and_where_it_failed(office: Office) -> None:
    process = office.at_items(1)
    office.done(process, "pick:0")

    lines = office.view(process)
    begin = lines.index("ship waiting 1 its child, due in 14 d")
    child_id = lines[begin + 1].removeprefix("child ")
    child = office.runner.engine.get_process("t", child_id)
    assert f"child of {process.process_id}, for its step ship" in office.view(child)

    office.runner.engine.fail_step(child.key, "book", "no carrier", attempt=1)
    office.runner.run()
    assert f"child {child_id}" in office.view(process)


def test_what_is_undone_is_shown_while_it_is_and_how_it_went(office: Office) -> None:
    process = office.at_items(1)
    office.runner.engine.cancel_process(process.key, reason="withdrawn", compensate=True)

    lines = office.view(process)
    assert lines[0] == "expense 3: compensating, withdrawn"
    assert "undoes what was completed, then ends as cancelled" in lines
    assert lines[lines.index("undoing") + 1] == (
        "undo:reserve in progress 1 Stock.release, due in 60 m"
    )

    office.runner.engine.fail_step(process.key, "undo:reserve", "no such hold", attempt=1)
    lines = office.view(process)
    assert lines[0] == "expense 3: cancelled, withdrawn"
    assert "not all that had been completed could be undone" in lines
    assert "undo:reserve failed 1 no such hold" in lines


def test_parts_that_undo_are_counted_and_listed_as_parts(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    office.runner.register(ProcessDefinition.from_yaml(BATCH))
    office.runner.service("Bank.pay")(lambda ctx: {})
    batch = office.runner.start("batch", tenant_id="t", input={"refunds": list(range(60))})
    office.runner.run()
    office.runner.engine.cancel_process(batch.key, compensate=True)

    lines = office.view(batch, is_known=False)
    assert lines[lines.index("undoing") + 1] == (
        "undo:pay_all waiting 1 1 of its parts to undo what they completed, 2 after that"
    )
    print_processes(
        Terminal(), office.runner.engine.list_processes("t").processes, office.runner.clock()
    )
    listed = capsys.readouterr().out
    assert all(f"part {n} of {batch.process_id}" in listed for n in range(3))


def test_a_suspended_process_says_that_nothing_moves(office: Office) -> None:
    process = office.start()
    office.runner.engine.suspend_process(process.key)

    assert "nothing moves or times out until it is resumed" in office.view(process)


def test_of_many_steps_not_entered_most_are_in_one_line(office: Office) -> None:
    lines = office.view(office.start("long"))

    assert lines[-1] == "and 34 more not entered"
    assert len(lines) < 15


def test_without_its_definition_what_was_entered_is_shown(office: Office) -> None:
    process = office.at_items(20)

    lines = office.view(process, is_known=False)

    assert "cool_off completed 1" in lines
    assert "pick:4 in progress 1 Warehouse.pick, due in 60 m" in lines
    assert lines[-1] == "and 15 more items"
    assert not any("not entered" in line for line in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_terminal(office: Office, width: int) -> None:
    process = office.at_items(20)
    process = office.runner.engine.get_process("t", process.process_id)

    shown = printed(
        process_view(process, office.runner.clock(), width, office.documents["expense"]), width
    )

    assert max(map(len, shown.splitlines())) <= width
    assert "Warehouse.pick" in shown


def test_a_list_shows_the_version_and_what_is_done(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    process = office.at_items(1)
    office.done(process, "pick:0")
    processes = office.runner.engine.list_processes("t").processes

    print_processes(Terminal(), processes, office.runner.clock())
    listed = capsys.readouterr().out.splitlines()

    (line,) = [each.split() for each in listed if process.process_id == each.split()[0]]
    assert line[1:] == ["expense", "3", "in", "progress", "8", "3", "d"]
    (child,) = [each for each in listed if "shipping 1" in each]
    assert f"expense {process.process_id}" in child  # a child is about its parent


def test_a_process_of_reactions_alone_shows_its_data_and_no_steps(office: Office) -> None:
    lines = office.view(office.start("reacts"))
    assert lines[0] == "reacts 1: in progress"
    assert lines[2:] == ['data {"paid": 7}', "", "step state attempt time reported by"]
