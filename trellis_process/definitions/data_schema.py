"""DataSchema: what a definition declares of the data that its processes keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trellis_process.definitions.input_schema import check_input, defaults_of, schema_of
from trellis_process.domain.limits import JsonValue


class DataSchema:
    """Loads what checks schemas only when there is something to check."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        self._declared = declared

    def defaults(self) -> dict[str, JsonValue]:
        """The data that a process begins with."""
        return defaults_of(schema_of(self._declared, field="data")) if self._declared else {}

    def check(self, data: dict[str, JsonValue]) -> None:
        """Raises InvalidInput where data is not as declared."""
        if self._declared:
            check_input(schema_of(self._declared, field="data"), data, field="data")
