"""For tests of programs that use Trellis, and of stores made for it.

``ManualClock`` is moved by hand; ``a_process`` and ``a_step`` build what a test is about;
``LocalTracker`` runs whole processes with their workers;
``trellis_process.testing.fixtures`` holds pytest fixtures. A store of one's own is sound when it
passes ``ProcessRepositoryContract`` and ``StepTrackerRepositoryContract``, and for definitions
``DefinitionRepositoryContract`` and ``ListRepositoryContract``, for events that are dealt with once
at most ``NotedEventsContract``, for jobs ``JobRepositoryContract``, for read models
``ViewStoreContract``. Needs the extra ``trellis-process[testing]``.
"""

from trellis_process.extras import from_extra

with from_extra("testing", "trellis_process.testing"):
    import pytest

pytest.register_assert_rewrite(
    "trellis_process.testing.store_contract",
    "trellis_process.testing.round_trip_contract",
    "trellis_process.testing.finding_contract",
    "trellis_process.testing.listing_contract",
    "trellis_process.testing.definition_repository_contract",
    "trellis_process.testing.job_repository_contract",
    "trellis_process.testing.list_repository_contract",
    "trellis_process.testing.noted_events_contract",
    "trellis_process.testing.process_repository_contract",
    "trellis_process.testing.step_tracker_repository_contract",
    "trellis_process.testing.view_store_contract",
)

# Below the lines above, so that a failing contract shows what was compared.
from trellis_process.application.manual_clock import START, ManualClock  # noqa: E402
from trellis_process.testing.builders import a_process, a_step, a_stored_process  # noqa: E402
from trellis_process.testing.definition_repository_contract import (  # noqa: E402
    DefinitionRepositoryContract,
)
from trellis_process.testing.job_repository_contract import JobRepositoryContract  # noqa: E402
from trellis_process.testing.list_repository_contract import ListRepositoryContract  # noqa: E402
from trellis_process.testing.local_tracker import LocalTracker  # noqa: E402
from trellis_process.testing.noted_events_contract import NotedEventsContract  # noqa: E402
from trellis_process.testing.process_repository_contract import (  # noqa: E402
    ProcessRepositoryContract,
)
from trellis_process.testing.step_tracker_repository_contract import (  # noqa: E402
    StepTrackerRepositoryContract,
)
from trellis_process.testing.view_store_contract import ViewStoreContract  # noqa: E402

__all__ = [
    "START",
    "DefinitionRepositoryContract",
    "JobRepositoryContract",
    "ListRepositoryContract",
    "LocalTracker",
    "ManualClock",
    "NotedEventsContract",
    "ProcessRepositoryContract",
    "StepTrackerRepositoryContract",
    "ViewStoreContract",
    "a_process",
    "a_step",
    "a_stored_process",
]
