"""The page about the engine is true: its example is what the engine does.

Where the example has changed on purpose, the failing test shows what belongs in the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from trellis_process import ManualClock, ProcessDefinition
from trellis_process.domain.step import ProcessStep
from trellis_process.eventbridge import envelopes
from trellis_process.runner import Runner

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "engine.md"
DEFINITION = ROOT / "examples" / "expense_approval" / "definition.yaml"


def test_the_example_in_the_page_is_what_the_engine_does() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "\n".join(rows()) in text


def rows() -> Iterator[str]:
    """A row for each write of the process of one expense report, which a runner follows."""
    clock = ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    runner = Runner(clock=clock, allow_missing=True)
    runner.register(ProcessDefinition.from_yaml(DEFINITION.read_text(encoding="utf-8")))
    engine = runner.engine
    given = {"report_id": "rep-2", "employee": "ann", "amount": 1200}
    key = runner.start("expense_approval", tenant_id="company", key="rep-2", input=given).key
    triggers: list[tuple[str, dict[str, int], Callable[[], object]]] = [
        ("it is started, for 1,200", {}, lambda: None),
        (
            "`Expenses.validate` reports",
            {"seconds": 2},
            lambda: engine.complete_step(key, "validate", attempt=1),
        ),
        ("a sweep", {"seconds": 28}, lambda: None),
        (
            "mia claims the task",
            {"minutes": 44, "seconds": 30},
            lambda: engine.claim_task(key, "review", by="mia"),
        ),
        ("a sweep", {"days": 1, "hours": 23, "minutes": 15, "seconds": 2}, lambda: None),
        (
            "mia decides `approve`",
            {"hours": 3},
            lambda: engine.complete_step(key, "review", outcome="approve", actor="mia"),
        ),
        (
            "`Payments.pay` reports",
            {"seconds": 1},
            lambda: engine.complete_step(key, "pay", {"payment": "p-17"}, attempt=1),
        ),
    ]
    before: dict[str, ProcessStep] = {}
    for version, (trigger, span, act) in enumerate(triggers, start=1):
        runner.advance(**span)
        act()
        process = engine.get_process(key.tenant_id, key.process_id)
        assert process.version == version, "each trigger is one write"
        steps = [_told(step) for name, step in process.steps.items() if before.get(name) != step]
        events = [each for each in envelopes(process) if each["version"] == version]
        before.update(process.steps)
        cells = (
            str(version),
            f"{clock():%a %H:%M:%S}",
            trigger,
            "; ".join(steps) or "-",
            ", ".join(f"`{event['type']}`" for event in events) or "-",
            "-" if process.wake_up_at is None else f"{process.wake_up_at:%a %H:%M:%S}",
        )
        yield f"| {' | '.join(cells)} |"


def _told(step: ProcessStep) -> str:
    """A step as it stands: ``review waiting for person``, with what came of it."""
    said = f"`{step.name}` {step.state.value.replace('_', ' ')}"
    if step.waits_for is not None:
        said += f" for a {step.waits_for.value}"
    if step.outcome is not None:
        said += f" as `{step.outcome}`"
    if step.task is not None and step.task.assignee is not None:
        said += f", {step.task.assignee}'s"
    return said
