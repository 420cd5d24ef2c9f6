"""Mutants: which small faults in the domain its tests do not notice, and why that may be so.

``python -m benchmarks.mutants`` makes each fault in a copy under build/mutants, runs the tests that
meet it, and writes MUTANTS.md; that takes about an hour of one processor. With ``--share 20``
it tries so many faults in a hundred, drawn by a seed. With ``--again`` it goes on with the last
run: it tries what is new and what was not noticed then. It ends with 1 where an unnoticed fault has
no reason in ``LEFT``.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
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
TESTS = (
    "tests/domain",
    "tests/application",
    "tests/engine",
    "tests/definitions/test_coverage.py",
    "tests/definitions/test_document.py",
    "tests/definitions/test_doubts.py",
    "tests/definitions/test_findings.py",
    "tests/definitions/test_plan.py",
    "tests/definitions/test_writing.py",
    "tests/proof/test_engine_found.py",
    "tests/queries/test_filters.py",
    "tests/queries/test_written_queries.py",
)
_USED_BY_TESTS = (
    "docs/engine.md",
    "examples/expense_approval",
    "tests/definitions/documents",
    "tests/lambdas/conftest.py",
    "tests/proof",
    "tests/queries/asking.py",
)
_SMALLEST = "trellis_process.domain.decide.*"
_UNTRIED = "not checked"  # what mutmut says of a fault that it has not tried
SEED = 20261121  # draws the faults that are tried where not all are
_LOCK = ROOT / "benchmarks" / "mutants.txt"

_SETTINGS = f"""[tool.mutmut]
source_paths = ["trellis_process"]
only_mutate = ["{DOMAIN}/*"]
also_copy = ["docs", "examples", "tests", "pyproject.toml"]
pytest_add_cli_args_test_selection = {list(TESTS)!r}
pytest_add_cli_args = ["-p", "no:cacheprovider"]

[tool.pytest.ini_options]
addopts = "-q"
"""

EVERYWHERE = "*"  # in the place of a function

#: Faults that are left unnoticed: the function, a part of the line as the fault has it (or of the
#: line that it takes away), and why.
LEFT: dict[tuple[str, str], str] = {
    ("check_json", "ensure_ascii=None"): "the same: json takes anything false for False",
    ("check_json", "allow_nan=None"): "the same: json takes anything false for False",
    ("_check_text", '"UTF-8"'): "the same: the name of an encoding is read in any case",
    ("check_retry_after_ms", "XXnothingXX"): "the tests look for this word within a text",
    ("_check_json_shape", "XXdeeper nestingXX"): "the tests look for these words within a text",
    ("_check_json_shape", "XXa longer integerXX"): "the tests look for these words within a text",
    ("Process.start", "started_at=None"): "the same: the end of the first change sets both times",
    ("Process.start", "changed_at=None"): "the same: the end of the first change sets both times",
    ("ProcessStep.resumed", "reported_by=by"): "the same: what leads here has set it to the same",
    (EVERYWHERE, "AssertionError("): "nothing leads there, and nobody is to read what it says",
    (EVERYWHERE, "strict="): "the same: the shorter list decides",
    (EVERYWHERE, "Failure(None, code="): "the same: its code alone is looked at",
    (EVERYWHERE, "[:4097]"): "the same: the error of an item is cut before",
    ("expressions_of", '"inputs", None)'): "the same: neither holds an expression",
    ("child_ended", "None, None)"): "the same: a child reports on the attempt that waits for it",
    ("Run.values", "XXXX"): "the same: neither is the name of a step",
    ("start", "change.bring("): "the same: its metadata are a payload, even where there are none",
    ("ProcessRecord.copy", "or True"): "the same, but slower",
    ("ProcessStep.is_entered_again", "PENDING or"): (
        "the same: no other step that begins has an error to keep"
    ),
    ("Run.is_inside", "return True"): "the same: a compensation is never given up",
    ("start_part", "None,"): "the same: the end of the first change sets both times",
    ("after", "None, transition.to"): "the same: a place is asked for where no target is given",
    ("Run._follow_failure", "None, place.step.on_failure"): (
        "the same: a place is asked for where no target is given"
    ),
    ("ChildEnding.of", "cls(None"): "the same: whatever is not completed failed",
    ("new_process", "changed_at=None"): "the same: the end of the first change sets both times",
    ("Values.__init__", "XXXX"): "the same: neither is the name of a step",
    ("Run.__init__", "_has_ended = None"): "the same: whether it is true is all that is asked",
    ("Run._finish", "_has_ended"): (
        "the same: what is left to do is inside of steps that end with the process"
    ),
    (EVERYWHERE, "super().due(run, None"): "the same: what is defined is not looked at",
    (EVERYWHERE, "from_extra("): "tests/test_extras.py has all that it says, of every extra",
    ("Branches.begin", "failed=None"): "the same: a mapping without members is not kept either",
    ("Branches.try_again", "failed=None"): "the same: without members it is not kept either",
    ("reopen", "zip(around, (step, *around), )"): "the same: the shorter of two decides anyway",
    ("UndoProgress.of", 'kept.get("partial", '): (
        "the same: whether it is true is all that is asked"
    ),
    ("give_up_child", "is_needed = None"): "the same: whether it is true is all that is asked",
    ("child_refused", "ChildEnding(None"): "the same: whatever is not completed failed",
    ("Run.end_process", "_has_ended"): (
        "the same: what is left to do is inside of steps that end with the process"
    ),
    ("moment_from", "astimezone(None)"): "the same moment, and in UTC wherever the tests run",
    ("Process.heartbeat", "due_at is None and step.due_at is None"): (
        "the same: an attempt under way has a deadline if and only if its step has a timeout"
    ),
} | {
    (EVERYWHERE, f"{call}({field}"): "the same: durations were checked when they were registered"
    for call in ("span_of", "in_ms")
    for field in (
        "None",
        '"XX',
        '"WAIT"',
        '"TIMEOUT"',
        '"AFTER"',
        '"DUE"',
        '"ESCALATE_AFTER"',
        '"MAX',
        '"INTERVAL"',
    )
}


_INTRODUCTION = """\
mutmut changes one thing at a time in the functions of `trellis_process/domain`, the engine among
them: an operator, a number, a text, an argument. A fault is noticed when a test of `tests/domain`,
`tests/application`, `tests/engine` or some of `tests/definitions` and `tests/proof` fails, or does
not come to an end. Properties are spelled out in the copy that it changes, because it passes over
what is decorated, and assertions are without the words that nobody is to read. It does not change
what stands outside of functions: the tables of moves, which `tests/domain/test_states.py` holds,
the numbers of the limits, which `tests/domain/test_limits.py` does, and what definitions say where
nothing is said."""

_FOUND = """## What the first runs found

In the engine 632 of the 2,896 faults that were tried went unnoticed by the tests that it had, more
than a fifth. Those that matter, for which tests were written:

- `MessageSent`, `EffectsRequested`, `WaitStarted`, `TaskOpened` and the calls to give up a child
  named no step, no attempt or no child; who claimed or gave back a task, and why, was forgotten.
- What is refused said nothing of what, which step, or why.
- A branch tried again forgot that another had failed. An item tried again, blocks inside of items,
  and parts of long lists did not go on at all: the random histories alone met that.
- A step tried again lost its time limit, its retries and which visit it was in.
- A step that is undone for the second time had no attempts of its own, and a rollback that could
  not undo everything said nothing of it.
- Pauses with jitter were the same for all steps of all processes, which jitter is to prevent.
- The parts of a long list were asked for while the process was suspended, and never after it.
- Inside of items of items, a step saw that of another item.

Then a tenth of all faults was drawn, of which 497 of 518 were noticed, 95.9%. Of the other 21 ten
change nothing; for the rest tests were written, so that a share of that very sample flatters.

Reading what was left found two defects of the engine: a compensation that fails while its process
is suspended may be forgotten when that goes on, and a rollback that was partial is not on record
where nothing else had to be undone.

Of the rest of the domain, `tests/domain` alone had left 56 of 1,247 faults unnoticed, 12 of them in
what only the application asks for:

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
            why
            for (name, part), why in LEFT.items()
            if name in (self.function, EVERYWHERE) and part in line
        )
        return next(found, None)


def main() -> None:
    """Makes the faults, runs the tests, writes the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--again", action="store_true", help="go on with the last run")
    parser.add_argument("--share", type=int, default=100, metavar="PERCENT", help="try so many")
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 1) - 1))
    asked = parser.parse_args()
    prepare(FOLDER, afresh=not asked.again)
    arguments = ["run", "--max-children", str(asked.processes)]
    if asked.again and (unnoticed := _names(_results(FOLDER), "survived", "no tests")):
        _mutmut(FOLDER, *arguments, *unnoticed)
    if asked.share < 100:
        _mutmut(FOLDER, *arguments, _SMALLEST)  # with which every fault there is gets its name
        _mutmut(FOLDER, *arguments, *drawn(list(_results(FOLDER)), asked.share))
    else:
        _mutmut(FOLDER, *arguments)
    results = _results(FOLDER)
    survivors = [_survivor(FOLDER, name) for name in _names(results, "survived", "no tests")]
    PAGE.write_text(_page(results, survivors))
    unexplained = [survivor for survivor in survivors if survivor.why is None]
    for survivor in unexplained:
        print(f"{survivor.name}\n  - {survivor.before}\n  + {survivor.after}")
    tried = len(results) - len(_names(results, _UNTRIED))
    print(f"{tried - len(survivors)} of {tried} noticed; written to benchmarks/{PAGE.name}.")
    if unexplained:
        sys.exit("Write the tests that notice these, or say in LEFT why none is needed.")


def drawn(names: Sequence[str], share: int) -> list[str]:
    """So many names in a hundred, always the same of the same."""
    count = max(1, len(names) * share // 100)
    return random.Random(SEED).sample(sorted(names), count)


def prepare(folder: Path, *, afresh: bool) -> None:
    """Puts the domain, its tests and what they use into a folder, for faults to be made there."""
    if afresh:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("trellis_process", "tests"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(ROOT / "trellis_process", folder / "trellis_process")
    for name in (*_USED_BY_TESTS, *TESTS):
        _copy(ROOT / name, folder / name)
    (folder / "tests" / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(_SETTINGS)
    for path in (folder / DOMAIN).rglob("*.py"):
        path.write_text(with_plain_assertions(with_plain_properties(path.read_text())))


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        return
    if source.is_dir():
        shutil.copytree(source, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    (target.parent / "__init__.py").touch()


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


def with_plain_assertions(source: str) -> str:
    """The same, with assertions that say nothing: their words are for who breaks them."""
    lines = source.splitlines()
    spoken = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assert) and node.msg is not None
    ]
    for node in sorted(spoken, key=lambda node: -node.lineno):
        plain = ast.unparse(ast.Assert(test=node.test))
        lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + plain]
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
        module = "/".join(name.split(".")[1:-1])
        files.setdefault(module, Counter())[status] += 1
    # What stands in a folder comes after the files beside it.
    files = dict(sorted(files.items(), key=lambda item: (item[0].count("/"), item[0])))
    rows = [_row(f"{module}.py", counts) for module, counts in files.items()]
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
            *_sampling(total),
            "",
            "| file | faults | tried | noticed | by never ending | left | share noticed |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
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
    tried = count - counts[_UNTRIED]
    share = f"{(tried - left) / tried:.1%}" if tried else "–"
    cells = (name, count, tried, tried - left, counts["timeout"], left, share)
    return f"| {' | '.join(map(str, cells))} |"


def _sampling(counts: Counter[str]) -> list[str]:
    """What is said where not every fault was tried."""
    count = sum(counts.values())
    tried = count - counts[_UNTRIED]
    if tried == count:
        return []
    return [
        "",
        f"Of {count:,} faults {tried:,} were tried: the shares noticed are of those, and what is",
        "left is not all that there may be.",
    ]


def _shown(line: str) -> str:
    return f"`{_cell(line)}`" if line else "gone"


def _cell(line: str) -> str:
    return line.replace("|", "\\|")


def _version() -> str:
    (found,) = (each for each in distributions(path=[str(_installed())]) if each.name == "mutmut")
    return found.version


if __name__ == "__main__":
    main()
