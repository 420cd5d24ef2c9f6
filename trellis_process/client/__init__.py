"""A client of the step API: the verbs of ProcessService, for a service that calls a deployed stack.

Begin at ``TrellisClient``; what goes into a batch is in ``trellis_process.client.batch``. Nothing
is needed but Python, and botocore to sign with the credentials of an AWS principal:
``pip install 'trellis-process[client]'``.
"""

from trellis_process.client.authorization import Authorization, BearerToken, Request, SigV4
from trellis_process.client.batch import BatchCommand, BatchResult
from trellis_process.client.definition_answers import (
    DefinitionChange,
    RegisteredDefinition,
    VersionOfDefinition,
    VersionsOfDefinition,
)
from trellis_process.client.definitions import DefinitionsClient
from trellis_process.client.errors import (
    NotAuthorized,
    NotTried,
    TrackerFault,
    UnexpectedAnswer,
    Unreachable,
)
from trellis_process.client.jobs import JobsClient
from trellis_process.client.process_client import ProcessClient
from trellis_process.client.schedules import SchedulesClient
from trellis_process.client.trellis_client import TrellisClient
from trellis_process.client.views import ViewsClient

__all__ = [
    "Authorization",
    "BatchCommand",
    "BatchResult",
    "BearerToken",
    "DefinitionChange",
    "DefinitionsClient",
    "JobsClient",
    "NotAuthorized",
    "NotTried",
    "ProcessClient",
    "RegisteredDefinition",
    "Request",
    "SchedulesClient",
    "SigV4",
    "TrackerFault",
    "TrellisClient",
    "UnexpectedAnswer",
    "Unreachable",
    "VersionOfDefinition",
    "VersionsOfDefinition",
    "ViewsClient",
]
