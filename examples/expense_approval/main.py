"""Four expense reports: paid at once, approved, rejected, and forgotten by everybody.

Run it with ``python examples/expense_approval/main.py`` after
``pip install 'trellis-process[definitions]'``. Large reports are tasks for a manager: claimed,
completed with an outcome, escalated after two days, timed out after five.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trellis_process import ManualClock, Process, ProcessDefinition
from trellis_process.errors import OutcomeUnknown, TaskTaken
from trellis_process.runner import Runner
from trellis_process.worker import Fatal, StepContext

runner = Runner(clock=ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))


@runner.service("Expenses.validate")
def validate(ctx: StepContext) -> None:
    if ctx.input["amount"] <= 0:
        raise Fatal("an expense is more than nothing")


@runner.service("Payments.pay")
def pay(ctx: StepContext) -> dict[str, str]:
    return {"payment": f"payment of {ctx.input['report']}"}


@runner.on("TaskOpened", "TaskClaimed", "TaskReleased", "TaskEscalated", "MessageSent")
@runner.on("SlaBreached", "ProcessCompleted", "ProcessFailed")
def tell(event: dict[str, Any]) -> None:
    about = {
        "TaskOpened": lambda: f"for a {event['assignee_role']}, until {event['due_at'][:10]}",
        "TaskClaimed": lambda: f"by {event['assignee']}",
        "MessageSent": lambda: f"{event['message']} {event['payload']}",
        "SlaBreached": lambda: f"after {event['actual_ms'] / 86_400_000:g} days",
        "ProcessFailed": lambda: event.get("error", event["reason"]),
    }.get(event["type"], lambda: "")()
    print(f"  {event['time'][5:16].replace('T', ' ')}  {event['type']:<16} {about}".rstrip())


def report(report_id: str, amount: int) -> Process:
    print(f"{report_id}: {amount}")
    process = runner.start(
        "expense_approval",
        tenant_id="company",
        key=report_id,
        input={"report_id": report_id, "employee": "ann", "amount": amount},
    )
    runner.advance(hours=1)
    return process


def main() -> None:
    text = Path(__file__).with_name("definition.yaml").read_text(encoding="utf-8")
    runner.register(ProcessDefinition.from_yaml(text))

    report("rep-1", 80)

    approved = report("rep-2", 1200)
    runner.engine.claim_task(approved, "review", by="mia")
    try:
        runner.engine.claim_task(approved, "review", by="tom")
    except TaskTaken as taken:
        print(f"  tom is told: {taken}")
    try:
        runner.engine.complete_step(approved, "review", outcome="aprove", actor="mia")
    except OutcomeUnknown as refused:
        print(f"  mia is told: {refused}")
    runner.engine.complete_step(approved, "review", outcome="approve", actor="mia")
    runner.run()

    rejected = report("rep-3", 5000)
    runner.advance(days=3)
    runner.engine.reassign_task(rejected, "review", to="tom", reason="mia is away")
    runner.engine.complete_step(
        rejected, "review", {"why": "no receipt"}, outcome="reject", actor="tom"
    )
    runner.run()

    forgotten = report("rep-4", 2000)
    runner.advance(days=7)
    step = runner.engine.get_process("company", forgotten.process_id).step("review")
    print(f"  the review is {step.state}, its outcome {step.outcome}")


if __name__ == "__main__":
    main()
