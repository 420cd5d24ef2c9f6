"""A month in a moment: a contract is signed late, accounts are made, the first weeks go by.

Run it with ``python examples/onboarding/main.py`` after
``pip install 'trellis-process[definitions]'``.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trellis_process import ManualClock, ProcessDefinition
from trellis_process.runner import Runner
from trellis_process.worker import StepContext

runner = Runner(clock=ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))


@runner.service("Directory.create_user")
def create_user(ctx: StepContext) -> dict[str, str]:
    return {"user": ctx.input["name"].lower().replace(" ", ".")}


@runner.service("Directory.add_to_team")
def add_to_team(ctx: StepContext) -> None:
    print(f"               {ctx.input['user']} is one of {ctx.input['team']}")


@runner.service("Office.hand_over_laptop")
def hand_over_laptop(ctx: StepContext) -> dict[str, str]:
    return {"serial": "L-4711"}


@runner.service("People.find_mentor")
def find_mentor(ctx: StepContext) -> dict[str, str]:
    return {"mentor": f"somebody kind of {ctx.input['team']}"}


@runner.on()
def tell(event: dict[str, Any]) -> None:
    """Each event in a line."""
    about = [event.get("step_name") or event.get("signal"), event.get("message")]
    if event["type"] == "WaitStarted":
        about.append(f"until {event['due_at'][5:16].replace('T', ' ')}")
    when = event["time"][5:16].replace("T", " ")
    inside = "" if event["process_type"] == "onboarding" else "  "
    print(f"  {when}  {inside}{event['type']:<18} {' '.join(filter(None, about))}".rstrip())


def main() -> None:
    for name in ("account_setup.yaml", "definition.yaml"):
        text = Path(__file__).with_name(name).read_text(encoding="utf-8")
        runner.register(ProcessDefinition.from_yaml(text))

    process = runner.start(
        "onboarding",
        tenant_id="company",
        key="kim",
        input={"name": "Kim Lee", "team": "search", "starts_at": "2026-03-16T09:00:00Z"},
    )
    runner.advance(days=5)
    runner.engine.signal(process, "contract_signed", {"by": "kim"})
    runner.advance(days=30)
    runner.engine.complete_step(process, "talk", outcome="needs_help", actor="lou")
    runner.run()

    process = runner.engine.get_process("company", process.process_id)
    days = (process.changed_at - process.started_at).days
    print(f"{process.process_type} of Kim Lee: {process.state} after {days} days, {process.output}")


if __name__ == "__main__":
    main()
