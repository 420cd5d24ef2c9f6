"""A service whose functions each do one step, run here without any cloud.

Run it with ``python examples/worker.py`` after ``pip install 'trellis-process[testing]'``.
Deployed, ``create_case`` and ``approve`` are the handlers of two Lambda functions that report to
TRELLIS_API_URL; docs/workers.md shows their template.
"""

from datetime import timedelta

from trellis_process import ProcessStep
from trellis_process.testing import LocalTracker
from trellis_process.worker import Fatal, RetryAfter, StepContext, Worker

worker = Worker()
cases: dict[str, str] = {}


@worker.step("create_case")
def create_case(ctx: StepContext) -> dict[str, str]:
    if ctx.aggregate_id == "ref-0":
        raise Fatal("there is no such referral")
    if ctx.attempt == 1:
        raise RetryAfter(timedelta(minutes=5), "the case system is being updated")
    # A second delivery finds what the first one made.
    case_id = cases.setdefault(ctx.idempotency_key, f"c-{len(cases) + 1}")
    return {"case": case_id, "priority": ctx.input["priority"]}


@worker.step("approve")
def approve(ctx: StepContext) -> dict[str, str]:
    if not ctx.is_resumed:
        print(f"please approve {ctx.aggregate_id} (resumption {ctx.resumption + 1})")
        ctx.suspend(timeout=timedelta(days=7), reason="a person decides")
    return {"decided": ctx.resume_data["answer"]}


def main() -> None:
    with LocalTracker(worker) as local:
        process = local.service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id="ref-123",
            steps=[
                ProcessStep(name="create_case", retries_permitted=3),
                ProcessStep(name="approve"),
            ],
            metadata={"priority": "high"},
            auto_start_steps=True,
        )
        local.advance(minutes=5)
        local.service.resume_step(process, "approve", {"answer": "yes"}, resumption=1)
        local.run()

        process = local.service.get_process("tenant-1", process.process_id)
        for step in process.steps.values():
            print(f"{step.name}: {step.state} at attempt {step.attempt}, {step.output}")


if __name__ == "__main__":
    main()
