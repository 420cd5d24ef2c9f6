"""Whatever is asked of the API, it answers as its OpenAPI document says."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from lambdas import step_commands, wiring
from tests.proof.api_fuzz import Fuzzed, fuzz, numbered_ids
from tests.proof.two_tenants import OPERATIONS
from trellis_process import InMemoryProcessRepository
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.memory.view_store import InMemoryViewStore
from trellis_process.testing import ManualClock

SEED = 20261121
EXAMPLES = 5  # of each operation, beside each limit in the document


@pytest.fixture
def fuzzed() -> Iterator[Fuzzed]:
    processes = InMemoryProcessRepository()
    service = EngineService(
        processes,
        definitions=DefinitionCatalog(InMemoryDefinitionRepository()),
        clock=ManualClock(),
        new_id=numbered_ids(SEED),
    )
    jobs = JobService(processes, InMemoryJobRepository(), clock=ManualClock())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "process_service", lambda: service)
        patch.setattr(wiring, "engine_service", lambda: service)
        patch.setattr(wiring, "jobs", lambda: jobs)
        patch.setattr(wiring, "views", InMemoryViewStore)
        step_commands._api.cache_clear()
        logging.disable(logging.CRITICAL)  # thousands of refusals that are meant
        try:
            yield fuzz(service, examples=EXAMPLES, seed=SEED)
        finally:
            logging.disable(logging.NOTSET)
            step_commands._api.cache_clear()


def test_every_operation_takes_and_refuses_requests_and_answers_as_the_document_says(
    fuzzed: Fuzzed, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{fuzzed.table()}")
    assert not fuzzed.faults, "\n\n".join(fuzzed.faults)
    assert not [status for counts in fuzzed.answers.values() for status in counts if status >= 500]
    assert set(fuzzed.answers) == {operation.name for operation in OPERATIONS}
    for operation in fuzzed.answers:
        assert fuzzed.accepted(operation), operation
        assert fuzzed.refused(operation), operation
