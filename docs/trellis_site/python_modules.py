"""The public modules, each a page made from its docstrings."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from sphinx.ext.autodoc.mock import mock
from sphinx.pycode import ModuleAnalyzer

import trellis_process
from trellis_site import repository_files

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES = Path(__file__).parents[1] / "reference" / "python"

#: Modules that are public without being a package that lists its face in ``__all__``.
BESIDES = ("trellis_process.errors", "trellis_process.testing.fixtures")

#: The sections of the first page: which names are in them, by where these come from.
SECTIONS = {
    "Services": ("trellis_process.application.", "trellis_process.definitions."),
    "Definitions": (
        "trellis_process.domain.definition.process_definition",
        "trellis_process.domain.definition.retry",
        "trellis_process.domain.definition.sla",
    ),
    "Steps of definitions": ("trellis_process.domain.definition.steps",),
    "Processes": ("trellis_process.domain.",),
    "Events": ("trellis_process.domain.events",),
    "Stores in memory": ("trellis_process.memory.",),
    "Errors": ("trellis_process.errors",),
}

#: The words that constructors of steps use for what they are given.
STEP_WORDS = ("Expression", "Inputs", "Target", "AnyStep")

#: What stand-ins take the place of while the site is built: to load these starts Node.
NOT_IMPORTED = ["aws_cdk", "constructs", "jsii"]


@cache
def public_modules() -> tuple[ModuleType, ...]:
    """Each package of the library that has a face of its own, and what is public besides."""
    known = set(trellis_process.__all__)
    packages = [
        importlib.import_module(f"trellis_process.{each.name}")
        for each in pkgutil.iter_modules(trellis_process.__path__)
        if each.ispkg
    ]
    faces = [each for each in packages if set(getattr(each, "__all__", ())) - known]
    found = [trellis_process, *faces, *map(importlib.import_module, BESIDES)]
    return tuple(sorted(found, key=lambda each: each.__name__))


def contents() -> str:
    """The modules with the first sentence of each, and the navigation to their pages."""
    lines = ["| module | what it is |", "| --- | --- |"]
    for module in public_modules():
        sentence = (module.__doc__ or "").partition("\n")[0].replace("``", "`")
        lines.append(f"| [{module.__name__}](python/{module.__name__}.rst) | {sentence} |")
    names = [f"python/{module.__name__}" for module in public_modules()]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *names, "```", ""])


def _page(module: ModuleType) -> str:
    """The page of a module; what ``trellis_process`` itself has is described there only."""
    name = module.__name__
    lines = [name, "=" * len(name), "", f".. automodule:: {name}"]
    if not hasattr(module, "__all__"):
        return "\n".join([*lines, "   :members:", ""])
    lines += ["   :no-members:", "", f".. py:currentmodule:: {name}", ""]
    if module is trellis_process:
        return "\n".join([*lines, *_sections(module)])
    names = [each for each in module.__all__ if not _is_on_first_page(module, each)]
    return "\n".join([*lines, *_described(module, names)])


def _is_on_first_page(module: ModuleType, name: str) -> bool:
    """Whether ``trellis_process`` itself has it; another thing of that name it may have, too."""
    return name in trellis_process.__all__ and getattr(module, name) is getattr(
        trellis_process, name
    )


def _sections(module: ModuleType) -> list[str]:
    """What is in ``trellis_process`` itself, what belongs together under one heading."""
    homes = _homes(module)
    sections: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for name in module.__all__:
        # The longest says it best: events are of the domain, too.
        title, _ = max(
            (
                (title, start)
                for title, starts in SECTIONS.items()
                for start in starts
                if homes[name].startswith(start)
            ),
            key=lambda found: len(found[1]),
        )
        sections[title].append(name)
    lines = []
    for title, names in sections.items():
        lines += [title, "-" * len(title), ""]
        if title == "Steps of definitions":
            lines += _step_words()
        lines += _described(module, names)
    return lines


def _step_words() -> list[str]:
    """What the words mean that constructors of steps use."""
    analyzer = ModuleAnalyzer.for_module(SECTIONS["Steps of definitions"][0])
    told = analyzer.find_attr_docs()
    return [
        line
        for word in STEP_WORDS
        for line in (f"``{word}``", *(f"   {each}" for each in told["", word] if each), "")
    ]


def _described(module: ModuleType, names: list[str]) -> list[str]:
    """Directives for what a module has."""
    homes = _homes(module)
    lines = []
    for each in names:
        found = getattr(module, each)
        if inspect.isclass(found):
            lines += [f".. autoclass:: {each}", ""]
        elif inspect.isroutine(found):
            lines += [f".. autofunction:: {each}", ""]
        else:
            lines += _value(each, homes[each])
    return lines


def _homes(module: ModuleType) -> dict[str, str]:
    """Where each name of a package's face comes from."""
    return {
        alias.name: node.module
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _value(name: str, home: str) -> list[str]:
    """A constant, or another name for a type: Sphinx finds its docstring only where it is made."""
    analyzer = ModuleAnalyzer.for_module(home)
    written = next(
        ast.unparse(node.value)
        for node in ast.walk(ast.parse(analyzer.code))
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id == name
    )
    told = analyzer.find_attr_docs().get(("", name), [])
    return [
        *(f".. py:data:: {name}", f"   :value: {written}", f"   :canonical: {home}.{name}", ""),
        *(f"   {line}" for line in told),
        "",
    ]


def source_of(domain: str, described: dict[str, str]) -> str | None:
    """Where what is described stands in the code; None for what has no place there of its own."""
    module = importlib.import_module(described["module"])
    found: object = module
    for name in described["fullname"].split("."):
        found = getattr(found, name, None)
    if isinstance(found, cached_property):
        found = found.func
    found = inspect.unwrap(found.fget if isinstance(found, property) else found)  # type: ignore
    if not (inspect.isclass(found) or inspect.isroutine(found)):
        return None
    file = inspect.getsourcefile(found)
    if file is None or Path(trellis_process.__file__).parent not in Path(file).parents:
        return None
    try:
        _, line = inspect.getsourcelines(found)
    except OSError:  # a method that a dataclass wrote
        return None
    return repository_files.place_in(Path(file), line)


def _write_pages(app: Sphinx) -> None:
    """A page for each module, where Sphinx looks for pages; those of modules that went, go."""
    PAGES.mkdir(exist_ok=True)
    pages = {PAGES / f"{module.__name__}.rst": _page(module) for module in public_modules()}
    for gone in set(PAGES.iterdir()) - set(pages):
        gone.unlink()
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Writes the pages before Sphinx looks for them."""
    # For as long as the build runs: Sphinx imports the bases of classes at several places.
    stand_ins = ExitStack()
    stand_ins.enter_context(mock(NOT_IMPORTED))
    app.connect("build-finished", lambda app, error: stand_ins.close())
    app.connect("builder-inited", _write_pages)
