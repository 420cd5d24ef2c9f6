"""How the functions run: memory, timeout and concurrency, and what goes with a timeout."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from aws_cdk import Duration, Token

from trellis_process.domain.limits import check_whole_number
from trellis_process.errors import InvalidInput

FunctionName: TypeAlias = Literal[
    "step_commands",
    "queue_commands",
    "event_publisher",
    "children",
    "external_events",
    "jobs",
    "timeout_checker",
    "audit",
    "archive",
    "views",
]
"""The functions, as their files are called."""

API_WAITS_LONGER_S = 5
"""So much longer than its function the API waits, that the function is the one that gives up."""

QUEUE_WAITS_TIMES = 6
"""So many timeouts of its function a message is not given out again, as AWS asks for."""

#: The longest timeout of a function, in seconds, where it is not Lambda's own.
_LONGEST_TIMEOUT_S: Mapping[str, int] = {
    "step_commands": 25,  # and 5 more are the longest that an HTTP API waits
    "timeout_checker": 59,  # a sweep ends before the next begins
}
_LAMBDA_TIMEOUT_S = 900
_LAMBDA_MEMORY_MB = (128, 10_240)


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """How a function runs; what is not said stays as the template has it."""

    #: Megabytes, 128 to 10,240. CPU comes with it.
    memory_mb: int | None = None
    #: At most 25 seconds for ``step_commands``, 59 for ``timeout_checker``, 15 minutes for others.
    timeout: Duration | None = None
    #: Runs at once that are kept for this function and are its limit, 1 or more.
    reserved_concurrency: int | None = None

    @property
    def timeout_s(self) -> int | None:
        """The timeout in whole seconds."""
        return None if self.timeout is None else int(self.timeout.to_seconds())


def check_functions(
    settings: Mapping[FunctionName, FunctionSettings], *, absent: Set[FunctionName]
) -> None:
    """Raises ``InvalidInput`` for a function that is not there, or settings it cannot have."""
    names = [name for name in get_args(FunctionName) if name not in absent]
    for name, each in settings.items():
        if name not in names:
            raise InvalidInput("functions", name, f"allowed are {', '.join(names)}")
        field = f"functions[{name!r}]"
        if each.memory_mb is not None:
            check_whole_number(f"{field}.memory_mb", each.memory_mb, *_LAMBDA_MEMORY_MB)
        if each.timeout is not None:
            longest = _LONGEST_TIMEOUT_S.get(name, _LAMBDA_TIMEOUT_S)
            check_whole_number(f"{field}.timeout, in seconds", each.timeout_s, 1, longest)
        if each.reserved_concurrency is not None:
            # 0 would stop the function, which nobody wants for good.
            check_whole_number(
                f"{field}.reserved_concurrency", each.reserved_concurrency, 1, 100_000
            )


def check_sweepers(sweepers: int, settings: Mapping[FunctionName, FunctionSettings]) -> None:
    """Raises ``InvalidInput`` for a number not known yet, or one that cannot run side by side."""
    if Token.is_unresolved(sweepers):
        allowed = "allowed is a number that is known before the deployment: each has a schedule"
        raise InvalidInput("sweepers", "a token", allowed)
    kept = settings.get("timeout_checker", FunctionSettings()).reserved_concurrency
    if kept is not None and kept < sweepers:
        allowed = (
            f"with {sweepers} sweepers, which run side by side, allowed are {sweepers} or more"
        )
        raise InvalidInput("functions['timeout_checker'].reserved_concurrency", kept, allowed)
