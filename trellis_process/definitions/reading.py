"""Reading a definition from text or from a value, with everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trellis_process.definitions import doubts, references, routing, values
from trellis_process.definitions.document import Document, read_json, read_value
from trellis_process.definitions.finding import Finding, Severity
from trellis_process.definitions.parts import Outline
from trellis_process.definitions.reaction_checks import check_reactions
from trellis_process.definitions.report import Report
from trellis_process.definitions.shape import check_shape, definition_of
from trellis_process.definitions.writing import to_dict
from trellis_process.definitions.yaml_document import read_yaml
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import InvalidDefinition, shown


@dataclass(frozen=True)
class Reading:
    """What became of a document: the definition, unless there are errors, and the findings."""

    definition: ProcessDefinition | None
    #: In the order of the text.
    findings: tuple[Finding, ...] = ()

    def or_refused(self) -> ProcessDefinition:
        """The definition. Raises InvalidDefinition where there is none."""
        if self.definition is None:
            raise InvalidDefinition(
                [each for each in self.findings if each.severity is Severity.ERROR]
            )
        return self.definition


def examine_yaml(
    text: str | bytes, *, strict: bool = False, known_services: Collection[str] | None = None
) -> Reading:
    """What a YAML document says, and what is wrong with it. Raises nothing.

    With ``strict`` warnings are errors. Where ``known_services`` is given, others are errors.
    """
    try:
        document = read_yaml(text)
    except InvalidDefinition as error:
        return Reading(None, error.findings)
    return examine(document, strict=strict, known_services=known_services)


def examine_json(
    text: str | bytes, *, strict: bool = False, known_services: Collection[str] | None = None
) -> Reading:
    """As ``examine_yaml``, of JSON."""
    try:
        document = read_json(text)
    except InvalidDefinition as error:
        return Reading(None, error.findings)
    return examine(document, strict=strict, known_services=known_services)


def examine_value(
    value: Mapping[str, Any],
    *,
    strict: bool = False,
    known_services: Collection[str] | None = None,
) -> Reading:
    """As ``examine_yaml``, of a value that was read elsewhere; findings have no lines."""
    try:
        document = read_value(value)
    except InvalidDefinition as error:
        return Reading(None, error.findings)
    return examine(document, strict=strict, known_services=known_services)


def examine_definition(
    definition: ProcessDefinition,
    *,
    strict: bool = False,
    known_services: Collection[str] | None = None,
) -> Reading:
    """As ``examine_yaml``, of a definition that was built in Python."""
    return examine_value(to_dict(definition), strict=strict, known_services=known_services)


def examine(
    document: Document, *, strict: bool = False, known_services: Collection[str] | None = None
) -> Reading:
    """What a document says, and what is wrong with it."""
    report = Report(document)
    if isinstance(document.value, dict):
        definition = _examine(document.value, report, known_services)
    else:
        message = f"got {shown(document.value)}; allowed is a mapping of a definition's fields"
        report.error((), "wrong_type", message)
        definition = None
    findings = report.findings()
    if strict:
        findings = [replace(each, severity=Severity.ERROR) for each in findings]
    if any(each.severity is Severity.ERROR for each in findings):
        definition = None
    return Reading(definition, tuple(findings))


def _examine(
    value: dict[str, Any], report: Report, known_services: Collection[str] | None
) -> ProcessDefinition | None:
    outline = Outline(value, report)
    if outline.is_too_much:
        return None
    check_shape(outline, report)
    values.check_values(outline, report)
    values.check_ways_to_wait(outline, report)
    values.check_timeouts(outline, report)
    values.check_names_once(outline, report)
    routing.check_targets(outline, report)
    routing.check_transitions(outline, report)
    routing.check_reached(outline, report)
    if known_services is not None:
        routing.check_services(outline, report, frozenset(known_services))
    references.check_schemas(outline, report)
    references.check_expressions(outline, report)
    check_reactions(outline, report)
    doubts.find_doubts(outline, report)
    if report.has_errors:
        return None
    return definition_of(outline.root.value)
