"""Files of the repository that the site links to, each a page of it with its text in colour."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
FOLDER = "files"
KEPT_AS_THEY_ARE = {".json"}  # they are for programs

_linked: set[str] = set()
_navigation: dict[int, str] = {}


def page_of(path: Path) -> str:
    """The name of the page with the text of a file, which the site makes then."""
    name = path.resolve().relative_to(ROOT).as_posix()
    _linked.add(name)
    return f"{FOLDER}/{name}"


def place_in(path: Path, line: int) -> str:
    """The address of a line of a file, from the pages of the Python reference."""
    return f"../../{page_of(path)}.html#line-{line}"


class LinksToFiles(SphinxTransform):
    """A link to a file outside the docs leads to the page with its text."""

    default_priority = 200

    def apply(self, **kwargs: Any) -> None:
        """Changes the links of one page."""
        for link in self.document.findall(addnodes.download_reference):
            _, here = self.env.relfn2path(link["reftarget"], self.env.docname)
            path = Path(here)
            if path.suffix in KEPT_AS_THEY_ARE:
                continue
            uri = self.env.app.builder.get_relative_uri(self.env.docname, page_of(path))
            link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    highlighter: Any = app.builder.highlighter  # type: ignore[attr-defined]
    for name in sorted(_linked):
        text = (ROOT / name).read_text(encoding="utf-8")
        try:
            language = get_lexer_for_filename(name).aliases[0]
        except ClassNotFound:
            language = "text"
        body = highlighter.highlight_block(text, language, lineanchors="line")
        title = posixpath.basename(name)
        yield f"{FOLDER}/{name}", {"title": title, "body": f"<h1>{name}</h1>{body}"}, "page.html"


def _keep_navigation(
    app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """All these pages have the same navigation, but for how deep in folders they are.

    To make it is most of the work of such a page, and they are most of the site's pages.
    """
    if name.startswith(f"{FOLDER}/"):
        made, depth, make = _navigation, name.count("/"), context["toctree"]
        context["toctree"] = lambda **how: made.get(depth) or made.setdefault(depth, make(**how))


def setup(app: Sphinx) -> None:
    """Makes the pages once all links are known."""
    app.add_transform(LinksToFiles)
    app.connect("html-collect-pages", _pages)
    app.connect("html-page-context", _keep_navigation, priority=400)  # the theme asks at 500
