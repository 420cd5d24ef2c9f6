"""Sources: where a program's queries are answered, each source by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeAlias, TypeVar

from trellis_process.domain.limits import MAX_OUTPUT_BYTES, JsonValue, check_json, check_name
from trellis_process.domain.process import ProcessKey
from trellis_process.errors import InvalidInput, TooLarge, shown
from trellis_process.nearest import what_there_is
from trellis_process.queries.comparison import Row, ordered, passing
from trellis_process.queries.query import Query, QueryError
from trellis_process.queries.rows import Rows
from trellis_process.queries.values import NoJson, as_json
from trellis_process.worker.context import StepContext

SourceFunction: TypeAlias = Callable[[Query, ProcessKey], Iterable[Mapping[str, Any]] | Rows]
"""Gives the rows of a source for a process; the query says what will become of them."""

_Function = TypeVar("_Function", bound=SourceFunction)


class Source(Protocol):
    """Where rows come from.

    What it raises fails the attempt, as work of any service does: QueryError for good, anything
    else so that the definition's ``retry`` decides.
    """

    def rows(self, query: Query, process: ProcessKey) -> Iterable[Mapping[str, Any]] | Rows:
        """At least the rows of the process's tenant that the query asks for, in any order.

        What passes no filter is left out by whoever asks, so a source need not look at the query.
        One that does may give fewer rows, and say by ``Rows`` what else it has done.
        """


class Sources:
    """The sources of a program, which answer the ``query`` steps of definitions."""

    def __init__(self) -> None:
        self._sources: dict[str, SourceFunction] = {}

    def source(self, name: str) -> Callable[[_Function], _Function]:
        """Makes a source of a function, which stays a plain function.

        It is given the query and the process that asks, whose ``tenant_id`` says for whom. Raises
        InvalidInput for what is no name, ValueError for a source that is there already.
        """
        self._check(name)

        def register(function: _Function) -> _Function:
            self._sources[name] = function
            return function

        return register

    def add(self, name: str, source: Source) -> None:
        """Adds a source. Raises InvalidInput for what is no name, ValueError as ``source``."""
        self._check(name)
        self._sources[name] = source.rows

    def _check(self, name: str) -> None:
        check_name("name", name)
        if name in self._sources:
            raise ValueError(f"source {name!r} is {self._sources[name]!r} already")

    @property
    def names(self) -> list[str]:
        """The sources that there are."""
        return list(self._sources)

    def answer(self, ctx: StepContext) -> list[dict[str, JsonValue]]:
        """Does the work of a ``query`` step: its rows, which are at most 32 KB of JSON.

        Raises QueryError with the code ``unknown_source``, ``rows_too_large``, or ``query_error``
        for whatever else is wrong with the query or the rows; and what the source raises.
        """
        return self.rows(Query.asked(ctx.input), ctx.process)

    def rows(self, query: Query, process: ProcessKey) -> list[dict[str, JsonValue]]:
        """The rows that answer a query of a process. Raises as ``answer``."""
        found = self._function(query.source)(query, process)
        given = found if isinstance(found, Rows) else Rows(found)
        if given.is_ordered:
            query = replace(query, order_by=None)
        rows = passing(
            _each(given.rows, query.source),
            [each for each in query.filters if each.name not in given.applied],
        )
        return _as_output(ordered(rows, query), query.source)

    def _function(self, name: str) -> SourceFunction:
        function = self._sources.get(name)
        if function is None:
            message = f"no source {shown(name)}{what_there_is(name, self._sources)}"
            raise QueryError(message, code="unknown_source")
        return function


def _each(rows: Iterable[Any], source: str) -> Iterator[Row]:
    """The rows of a source, each of them a row."""
    if not isinstance(rows, Iterable) or isinstance(rows, Mapping | str | bytes):
        raise QueryError(f"source {source!r} gave a {type(rows).__name__}; allowed are rows")
    for row in rows:
        if not isinstance(row, Mapping):
            raise QueryError(
                f"source {source!r} gave a row that is a {type(row).__name__}; allowed are mappings"
            )
        yield row


def _as_output(rows: list[Row], source: str) -> list[dict[str, JsonValue]]:
    try:
        checked: list[dict[str, JsonValue]] = check_json(
            "rows", [as_json(row) for row in rows], MAX_OUTPUT_BYTES
        )
    except NoJson as error:
        raise QueryError(f"a row of source {source!r} holds {error}; allowed is JSON") from error
    except TooLarge as error:
        raise QueryError(
            f"the {len(rows)} rows of source {source!r} are {error.given}, allowed are "
            f"{MAX_OUTPUT_BYTES}; ask for fewer with limit or filters, or let the source leave "
            "fields out",
            code="rows_too_large",
        ) from error
    except InvalidInput as error:
        raise QueryError(f"rows of source {source!r}: {error}") from error
    return checked
