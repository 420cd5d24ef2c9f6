"""The partition of a DynamoDB table that a query reads: one tenant's, whatever the query says."""

from __future__ import annotations

from string import Formatter

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import ProcessKey
from trellis_process.errors import shown
from trellis_process.queries.query import Query, QueryError

TENANT = "tenant_id"
_IN_TENANT_IDS = frozenset("._:-")  # beside letters and digits


class Partition:
    """The value of a partition key, written as ``{tenant_id}#{customer}``.

    ``{tenant_id}`` is the tenant of the process that asks, any other name the field of a filter
    that asks for one value. Unless ``all_tenants``, the tenant's id comes before any other field,
    and what follows it is in no tenant's id, so that no other tenant's key can be made up.

    Raises ValueError for what is not written so.
    """

    def __init__(self, template: str, *, all_tenants: bool) -> None:
        self._parts = [
            (literal, field)
            for literal, field, format_spec, conversion in Formatter().parse(template)
            if _is_plain(template, field, format_spec, conversion)
        ]
        #: The fields of filters that the key is made of.
        self.fields = [field for _, field in self._parts if field not in (None, TENANT)]
        if not self._parts:
            raise ValueError("partition: got ''; no key of a table is empty")
        if any(not literal for literal, _ in self._parts[1:]):
            raise ValueError(
                f"partition: got {template!r}; allowed is text between two names, such as '#'"
            )
        if not all_tenants:
            self._check_tenant(template)

    def of(self, query: Query, process: ProcessKey) -> JsonValue:
        """The key that a query of a process reads. Raises QueryError where a filter is missing."""
        values: list[tuple[str, JsonValue]] = []
        ends = [literal for literal, _ in self._parts[1:]] + [""]
        for (literal, field), end in zip(self._parts, ends, strict=True):
            value: JsonValue = ""
            if field == TENANT:
                value = process.tenant_id
            elif field is not None:
                asked = query.equal_to(field)
                if asked is None or isinstance(asked.value, bool):
                    raise QueryError(
                        f"source {query.source!r} needs the filter {field!r}, as text or a number: "
                        "it finds rows by it"
                    )
                if end and end in str(asked.value):
                    raise QueryError(
                        f"filters.{field}: got {shown(asked.value)}; allowed is what has no {end!r}"
                    )
                value = asked.value
            values.append((literal, value))
        if len(values) == 1 and not values[0][0]:
            return values[0][1]  # a number stays one
        return "".join(f"{literal}{value}" for literal, value in values)

    def _check_tenant(self, template: str) -> None:
        fields = [field for _, field in self._parts if field is not None]
        if fields[:1] != [TENANT]:
            raise ValueError(
                f"partition: got {template!r}; allowed is one whose first field is {{{TENANT}}}, "
                "such as '{tenant_id}#{customer}'. Rows that every tenant may read are those of "
                "all_tenants=True"
            )
        at = next(place for place, (_, field) in enumerate(self._parts) if field == TENANT)
        if at + 1 < len(self._parts):
            after = self._parts[at + 1][0][0]
            if after.isalnum() or after in _IN_TENANT_IDS:
                raise ValueError(
                    f"partition: got {template!r}; allowed after {{{TENANT}}} is a character that "
                    "no tenant's id has, such as '#'"
                )


def _is_plain(
    template: str, field: str | None, format_spec: str | None, conversion: str | None
) -> bool:
    if field == "" or format_spec or conversion:
        raise ValueError(
            f"partition: got {template!r}; allowed are text and names in braces, such as "
            "'{tenant_id}#{customer}'"
        )
    return True
