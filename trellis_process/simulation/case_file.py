"""run_cases: what a definition does in each case of a file, beside what it is to do."""

from __future__ import annotations

from pathlib import Path

from trellis_process.definitions.document import Document, read_json
from trellis_process.definitions.yaml_document import read_yaml
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import Described, InvalidDefinition, InvalidInput
from trellis_process.simulation.case import Case, CaseResult
from trellis_process.simulation.case_differences import differences
from trellis_process.simulation.case_reading import read_cases

#: How the file of cases ends that stands beside ``order.yaml``: ``order.cases.yaml``.
CASES = ".cases"
SUFFIXES = (".yaml", ".yml", ".json")


def run_cases(file: Path | str, definition: ProcessDefinition | None = None) -> list[CaseResult]:
    """The results of the cases in a file, one each, in its order.

    ``order.cases.yaml`` is about the definition in ``order.yaml`` beside it, unless one is given.
    Raises InvalidInput with everything that is wrong with either, and the file and line of each.
    """
    path = Path(file)
    definition = definition or _definition_beside(path)
    try:
        document = _document(path)
        cases = read_cases(document, definition)
    except InvalidDefinition as error:
        raise _refused(path, error) from error
    return [_result(case, definition, path, document) for case in cases]


def _document(path: Path) -> Document:
    return (read_json if path.suffix == ".json" else read_yaml)(path.read_bytes())


def _definition_beside(path: Path) -> ProcessDefinition:
    plain = path.name.removesuffix(path.suffix).removesuffix(CASES)
    known = [path.with_name(plain + suffix) for suffix in SUFFIXES]
    beside = next((each for each in known if each.is_file() and each != path), None)
    if beside is None:
        allowed = f"it has cases of a definition in {known[0].name} beside it, and there is none"
        raise InvalidInput("cases", str(path), allowed)
    from_text = (
        ProcessDefinition.from_json if beside.suffix == ".json" else ProcessDefinition.from_yaml
    )
    try:
        return from_text(beside.read_bytes())
    except InvalidDefinition as error:
        raise _refused(beside, error) from error


def _refused(path: Path, error: InvalidDefinition) -> InvalidInput:
    count = len(error.findings)
    given = Described("1 error" if count == 1 else f"{count} errors")
    return InvalidInput(str(path), given, "; ".join(map(str, error.findings)))


def _result(
    case: Case, definition: ProcessDefinition, path: Path, document: Document
) -> CaseResult:
    place = document.place(case.path)
    line = None if place is None else place[0]
    return CaseResult(str(path), line, case.name, tuple(differences(case, definition)))
