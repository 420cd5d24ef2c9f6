"""Exit codes: what a script can tell by the exit status, and the errors that each stands for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from trellis_process.cli.errors import NoStack
from trellis_process.client.errors import NotAuthorized
from trellis_process.errors import Conflict, InvalidInput, NotFound, StoreError, TrellisError

#: overdue, doctor and redrive found something; anything else went wrong in a way not listed here.
FOUND_SOMETHING = 1

#: 0 is success, 2 a command that was not understood.
EXIT_CODES: dict[type[Exception], int] = {
    NotFound: 3,
    Conflict: 4,
    InvalidInput: 5,
    NotAuthorized: 6,
    StoreError: 7,
    NoStack: 8,
    TrellisError: FOUND_SOMETHING,
}

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}


@contextmanager
def told_errors() -> Iterator[None]:
    """Says on standard error what went wrong, and ends with its exit code."""
    try:
        yield
    except tuple(EXIT_CODES) as error:
        code = next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
        _end(error, EXIT_CODES[NotAuthorized] if _is_for_want_of_a_right(error) else code)
    except (NoRegionError, ProfileNotFound) as error:
        _end(error, EXIT_CODES[NoStack])
    except NoCredentialsError as error:
        _end(error, EXIT_CODES[NotAuthorized])
    except ClientError as error:
        _end(error, EXIT_CODES[NotAuthorized if is_denied(error) else StoreError])
    except BotoCoreError as error:
        _end(error, EXIT_CODES[StoreError])


def is_denied(error: ClientError) -> bool:
    """Whether AWS refused for want of a right, or of credentials that hold."""
    return error.response["Error"].get("Code") in _DENIED


def _is_for_want_of_a_right(error: BaseException | None) -> bool:
    """Whether AWS said no to a request that a store made."""
    while error is not None and not isinstance(error, ClientError):
        error = getattr(error, "cause", None) or error.__cause__  # pynamodb has one of its own
    return error is not None and is_denied(error)


def _end(error: Exception, code: int) -> None:
    click.echo(f"trellis: {error}", err=True)
    sys.exit(code)
