"""Commands on a process that a definition orders: what it decides by comes along."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process import InMemoryProcessRepository, Process
from trellis_process.application.engine_service import EngineService
from trellis_process.commands import read_command, run
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import (
    HumanTask,
    HumanTaskStep,
    Outcome,
    ServiceStep,
)
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.testing import ManualClock

ORDER = ProcessDefinition(
    "order",
    version=1,
    steps=(
        HumanTaskStep("review", human_task=HumanTask(surface="r", outcomes=(Outcome(name="yes"),))),
        ServiceStep(
            "pay",
            service="Payments.pay",
            retry=Retry(max_attempts=3, fatal_on=("declined",)),
            compensate_with="refund",
        ),
        ServiceStep("ship", service="Shipping.ship"),
    ),
    compensations=(Compensation("refund", service="Payments.refund"),),
)


@pytest.fixture
def service() -> EngineService:
    catalog = DefinitionCatalog(InMemoryDefinitionRepository())
    service = EngineService(
        InMemoryProcessRepository(), definitions=catalog, clock=ManualClock(), new_id=lambda: "p-1"
    )
    service.register(ORDER)
    service.start("order", tenant_id="tenant-1")
    return service


def told(service: EngineService, command: str, **said: Any) -> Process:
    about = {"command": command, "tenant_id": "tenant-1", "process_id": "p-1"}
    return run(read_command({**about, **said}), service, actor="AROA:worker")


def test_a_person_s_outcome_an_errors_code_and_whether_to_undo_come_along(service: EngineService):
    reviewed = told(service, "CompleteStep", step_name="review", outcome="yes")
    assert (reviewed.step("review").outcome, reviewed.step("pay").attempt) == ("yes", 1)

    again = told(service, "FailStep", step_name="pay", error="e", code="busy", attempt=1)
    assert again.step("pay").waits_for_retry
    told(service, "StartStep", step_name="pay", attempt=2)
    told(service, "CompleteStep", step_name="pay", attempt=2)
    assert told(service, "CancelProcess", compensate=True).state == "compensating"
    told(service, "CompleteStep", step_name="undo:pay", attempt=1)
    assert service.get_process("tenant-1", "p-1").state == "cancelled"


@pytest.mark.parametrize("said", [{"code": "declined"}, {"fatal": True, "code": "busy"}])
def test_what_is_of_no_use_is_not_tried_again(service: EngineService, said: dict[str, Any]):
    told(service, "CompleteStep", step_name="review", outcome="yes")

    failed = told(service, "FailStep", step_name="pay", error="e", attempt=1, **said)
    assert failed.has_failed()
