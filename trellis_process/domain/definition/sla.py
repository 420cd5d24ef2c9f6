"""How long a process or step is to take, where being late is told and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from trellis_process.domain.definition.duration import Duration


@dataclass(frozen=True, kw_only=True)
class SlaTier:
    """A level of lateness with a name of its own."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    max_duration: Duration


@dataclass(frozen=True, kw_only=True)
class Sla:
    """How long a process or step is to take at most; a breach is told once a tier."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    max_duration: Duration
    #: Further levels, each told by itself; the one of ``max_duration`` is named ``sla``.
    tiers: tuple[SlaTier, ...] = ()
    #: Whether a breach sends an event; without one it is only on record.
    alert_on_breach: bool = True

    def all_tiers(self) -> tuple[SlaTier, ...]:
        """Every level, that of ``max_duration`` among them."""
        return (SlaTier(name="sla", max_duration=self.max_duration), *self.tiers)
