"""What the tests of queries ask, and of whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trellis_process import ProcessKey
from trellis_process.queries import Query, Sources

PROCESS = ProcessKey("tenant-1", "process-1")


def a_query(
    source: str = "people",
    *,
    order_by: str | None = None,
    limit: int | None = None,
    **filters: Any,
) -> Query:
    """A query as it arrives: with the filters as a definition names them."""
    given = {"source": source, "filters": filters, "order_by": order_by, "limit": limit}
    return Query.asked(given)


def a_source(rows: Iterable[Mapping[str, Any]]) -> Sources:
    """A source of these rows, called ``people``."""
    sources = Sources()
    sources.source("people")(lambda query, process: rows)
    return sources


def answered(rows: Iterable[Mapping[str, Any]], query: Query | None = None, **asked: Any) -> Any:
    """What is answered to a query of these rows."""
    return a_source(rows).rows(query or a_query(**asked), PROCESS)
