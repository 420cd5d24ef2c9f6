"""Rows: what a source that has done some of the work itself answers with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rows:
    """Rows, and what is not to be done to them any more.

    All else is done to them as to the rows of any source. It is always right to say less: a filter
    that is applied twice does no harm.
    """

    rows: Iterable[Mapping[str, Any]]
    #: The names of filters that these rows meet although their fields do not show it.
    applied: Collection[str] = ()
    #: Whether they come in the order that the query asks for, so that reading may end early.
    is_ordered: bool = False
