"""The seam to the definitions that know events from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from trellis_process.domain.definition.process_definition import ProcessDefinition
    from trellis_process.domain.engine.engine import Engine


@dataclass(frozen=True)
class Listener:
    """A version of a definition that knows events."""

    engine: Engine
    #: Whether it is the one that new processes get.
    is_newest: bool

    @property
    def definition(self) -> ProcessDefinition:
        """The version."""
        return self.engine.compiled.definition


class Listening(Protocol):
    """The definitions that there are, and which of them know events."""

    def listeners(self) -> list[Listener]:
        """Every version that knows events and is active or draining. Raises StoreError."""
