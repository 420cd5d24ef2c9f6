"""Mutants: which small faults in the domain its tests do not notice, and why that may be so.

``python -m benchmarks.mutants`` makes each fault in a copy under build/mutants, runs the tests that
meet it, and writes MUTANTS.md. With ``--again`` it goes on with the last run: it tries what is new
and what was not noticed then. It ends with 1 where an unnoticed fault has no reason in ``LEFT``.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.surroundings import surroundings
from trellis_process.deploy.cache import cache_dir, locked
from trellis_process.deploy.command import run

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "benchmarks" / "MUTANTS.md"
FOLDER = ROOT / "build" / "mutants"
DOMAIN = Path("trellis_process") / "domain"
TESTS = ("tests/domain", "tests/application")
_LOCK = ROOT / "benchmarks" / "mutants.txt"

_SETTINGS = f"""[tool.mutmut]
source_paths = ["trellis_process"]
only_mutate = ["{DOMAIN}/*"]
also_copy = ["tests", "pyproject.toml"]
pytest_add_cli_args_test_selection = {list(TESTS)!r}
pytest_add_cli_args = ["-p", "no:cacheprovider"]

[tool.pytest.ini_options]
addopts = "-q"
"""

#: Faults that are left unnoticed: the function, a part of the line as the fault has it (or of the
#: line that it takes away), and why.
LEFT: dict[tuple[str, str], str] = {
    ("check_json", "ensure_ascii=None"): "the same: json takes anything false for False",
    ("check_json", "allow_nan=None"): "the same: json takes anything false for False",
    ("_check_text", '"UTF-8"'): "the same: the name of an encoding is read in any case",
    ("_check_json_shape", "XXdeeper nestingXX"): "the tests look for these words within a text",
    ("_check_json_shape", "XXa longer integerXX"): "the tests look for these words within a text",
    ("Process.start", "started_at=None"): "the same: the end of the first change sets both times",
    ("Process.start", "changed_at=None"): "the same: the end of the first change sets both times",
    ("ProcessStep.resumed", "reported_by=by"): "the same: what leads here has set it to the same",
    ("Process.heartbeat", "due_at is None and step.due_at is None"): (
        "the same: an attempt under way has a deadline if and only if its step has a timeout"
    ),
}


_INTRODUCTION = """\
mutmut changes one thing at a time in the functions of `trellis_process/domain`: an
operator, a number, a text, an argument. A fault is noticed when a test of `tests/domain` or
`tests/application` fails, or does not come to an end. Properties are spelled out in the copy that
it changes, because it passes over what is decorated. It does not change what stands outside of
functions: the tables of moves, which `tests/domain/test_states.py` holds, and the numbers of the
limits, which `tests/domain/test_limits.py` does."""

_FOUND = """## What the first run found

With `tests/domain` alone 56 of 1,247 faults went unnoticed, 12 of them in what only the
application asks for. Those that matter, for which tests were written:

- `StepCompleted`, `StepFailed`, `StepAttemptFailed`, `StepSuspended` named no step: a consumer
  would not know which.
- `Change.fail` and `ProcessStep.failed` forgot who reported the failure: `reported_by` is what
  the person on call looks at first.
- `Change.bring` kept only what the last of several unsaved changes brought: a process that one
  of them makes too large would not be refused as that.
- `Process.start` began every step where that was not asked for.
- `to_ms` gave a float, and `to_text` the machine's zone instead of UTC: both go into keys and
  events.
- `StepNotStarted`, `steps` that are no list, a text with a lone surrogate and an `aggregate_id`
  were refused without saying which step, which field, or what was given."""


@dataclass(frozen=True)
class Survivor:
    """A fault that no test noticed."""

    name: str
    function: str
    before: str
    after: str

    @property
    def why(self) -> str | None:
        """Why it is left; None where nobody has said so."""
        line = self.after or self.before
        found = (
            why for (name, part), why in LEFT.items() if name == self.function and part in line
        )
        return next(found, None)


def main() -> None:
    """Makes the faults, runs the tests, writes the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--again", action="store_true", help="go on with the last run")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 1) - 1))
    asked = parser.parse_args()
    _prepare(FOLDER, afresh=not asked.again)
    arguments = ["run", "--max-children", str(asked.processes)]
    if asked.again and (unnoticed := _names(_results(FOLDER), "survived", "no tests", "timeout")):
        _mutmut(FOLDER, *arguments, *unnoticed)
    _mutmut(FOLDER, *arguments)
    results = _results(FOLDER)
    survivors = [_survivor(FOLDER, name) for name in _names(results, "survived", "no tests")]
    PAGE.write_text(_page(results, survivors))
    unexplained = [survivor for survivor in survivors if survivor.why is None]
    for survivor in unexplained:
        print(f"{survivor.name}\n  - {survivor.before}\n  + {survivor.after}")
    killed = len(results) - len(survivors)
    print(f"{killed} of {len(results)} noticed; written to benchmarks/{PAGE.name}.")
    if unexplained:
        sys.exit("Write the tests that notice these, or say in LEFT why none is needed.")


def _prepare(folder: Path, *, afresh: bool) -> None:
    if afresh:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("trellis_process", "tests"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(ROOT / "trellis_process", folder / "trellis_process")
    for name in TESTS:
        shutil.copytree(ROOT / name, folder / name)
    (folder / "tests" / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(_SETTINGS)
    for path in (folder / DOMAIN).glob("*.py"):
        path.write_text(with_plain_properties(path.read_text()))


def with_plain_properties(source: str) -> str:
    """The same, with ``name = property(name)`` behind a function instead of a decorator before it.

    mutmut passes over what is decorated, and much of the domain is said in properties.
    """
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda function: -function.lineno):
        if [ast.unparse(each) for each in function.decorator_list] == ["property"]:
            assert function.end_lineno is not None
            lines.insert(function.end_lineno, f"    {function.name} = property({function.name})")
            del lines[function.decorator_list[0].lineno - 1]
    return "\n".join(lines) + "\n"


def _mutmut(folder: Path, *arguments: str, quiet: bool = False) -> str:
    """Runs mutmut on a folder; what it wrote, where that is not for people."""
    environment = {**os.environ, "PYTHONPATH": str(_installed())}
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE if quiet else None,
        text=True,
        check=True,
    )
    return done.stdout or ""


def _installed() -> Path:
    """The folder that holds mutmut and what it needs; installed on first use."""
    home = cache_dir() / "benchmarks" / "mutmut"
    with locked(home.with_name("lock")):
        if not any(found.name == "mutmut" for found in distributions(path=[str(home)])):
            run(
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--require-hashes", "--requirement", _LOCK, "--target", home,
            )  # fmt: skip
    return home


def _results(folder: Path) -> dict[str, str]:
    """What became of each fault, by its name."""
    lines = _mutmut(folder, "results", "--all", "true", quiet=True).splitlines()
    pairs = (line.strip().rpartition(": ") for line in lines if ": " in line)
    return {name: status for name, _, status in pairs}


def _names(results: dict[str, str], *statuses: str) -> list[str]:
    return [name for name, status in results.items() if status in statuses]


def _survivor(folder: Path, name: str) -> Survivor:
    diff = _mutmut(folder, "show", name, quiet=True).splitlines()
    said = {
        sign: " ".join(
            line[1:].strip() for line in diff if line[:1] == sign and line[:3] != sign * 3
        )
        for sign in "-+"
    }
    function = name.rsplit("__mutmut_", 1)[0].rsplit(".", 1)[1]
    function = function.removeprefix("x_").replace("xǁ", "").replace("ǁ", ".")
    return Survivor(name, function, said["-"], said["+"])


def _page(results: dict[str, str], survivors: list[Survivor]) -> str:
    files: dict[str, Counter[str]] = {}
    for name, status in results.items():
        module = name.split(".")[2]
        files.setdefault(module, Counter())[status] += 1
    rows = [_row(f"domain/{module}.py", counts) for module, counts in sorted(files.items())]
    total = sum(files.values(), Counter[str]())
    left = [
        f"| `{survivor.function}` | `{_cell(survivor.before)}` | {_shown(survivor.after)} "
        f"| {survivor.why or '**not looked at yet**'} |"
        for survivor in survivors
    ]
    return "\n".join(
        [
            "# Mutants",
            "",
            "Which small faults in the domain its tests notice, as `make mutants` found last.",
            "",
            *_INTRODUCTION.splitlines(),
            "",
            "| file | faults | noticed | of these, by never ending | left | noticed of all |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            _row("all", total),
            "",
            "## What is left",
            "",
            "| function | line | as the fault has it | why no test notices |",
            "| --- | --- | --- | --- |",
            *left,
            "",
            *_FOUND.splitlines(),
            "",
            f"*{surroundings('hypothesis', 'pytest')} mutmut {_version()}.*",
            "",
        ]
    )


def _row(name: str, counts: Counter[str]) -> str:
    count, left = sum(counts.values()), counts["survived"] + counts["no tests"]
    share = (count - left) / count
    return f"| {name} | {count} | {count - left} | {counts['timeout']} | {left} | {share:.1%} |"


def _shown(line: str) -> str:
    return f"`{_cell(line)}`" if line else "gone"


def _cell(line: str) -> str:
    return line.replace("|", "\\|")


def _version() -> str:
    (found,) = (each for each in distributions(path=[str(_installed())]) if each.name == "mutmut")
    return found.version


if __name__ == "__main__":
    main()
