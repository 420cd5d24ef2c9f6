"""What a plain install does not bring, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def from_extra(extra: str, what: str, *, instead: str = "") -> Iterator[None]:
    """Around the import of what ``extra`` brings, which ``what`` cannot do without.

    Where a library is missing, raises ModuleNotFoundError that says which, how to install it, and
    what to do ``instead``.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = error.name or ""
        if not name or name.startswith("trellis_process") or "trellis-process[" in str(error):
            raise
        library = name.partition(".")[0]
        raise ModuleNotFoundError(
            f"{what} needs {library}, which is not installed: "
            f"pip install 'trellis-process[{extra}]'{instead and f', or {instead}'}",
            name=name,
        ) from error
