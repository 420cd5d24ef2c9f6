"""A plan: what a new version of a definition changes, and what to mind before."""

from __future__ import annotations

from dataclasses import dataclass

from trellis_process.definitions.difference import differences
from trellis_process.definitions.planned_changes import PlannedChange, Subject, changes_of
from trellis_process.definitions.risks import Risk, risks_of
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.limits import JsonValue


@dataclass(frozen=True)
class Plan:
    """What the second version changes in the first."""

    before: ProcessDefinition
    after: ProcessDefinition
    changes: tuple[PlannedChange, ...]
    risks: tuple[Risk, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both say the same."""
        return not self.changes

    def of(self, subject: Subject) -> list[PlannedChange]:
        """The changes about one subject."""
        return [each for each in self.changes if each.subject is subject]

    def as_json(self) -> dict[str, JsonValue]:
        """For programs, with each field that differs."""
        return {
            "process": self.after.process,
            "from": self.before.version,
            "to": self.after.version,
            "changes": [
                {"subject": each.subject.value, "about": each.about, "text": each.text}
                for each in self.changes
            ],
            "risks": [
                {
                    "code": each.code.value,
                    "about": each.about,
                    "text": each.text,
                    **({} if each.step is None else {"step": each.step}),
                }
                for each in self.risks
            ],
            "differences": [each.as_json() for each in differences(self.before, self.after)],
        }


def plan_of(before: ProcessDefinition, after: ProcessDefinition) -> Plan:
    """What a version changes in one before it, and what to mind."""
    return Plan(before, after, changes_of(before, after), tuple(risks_of(before, after)))
