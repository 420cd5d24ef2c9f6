"""The site's navigation: what the first page lists, in its groups and its order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: The group that takes the pages which the first page does not list.
REST = "Guides"

_ITEM = re.compile(r"^- \[[^]]+\]\(([^)#]+)\.md\)", re.MULTILINE)


def groups(text: str) -> dict[str, list[str]]:
    """The pages under each heading of the first page."""
    _, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    found = {section.partition("\n")[0]: _ITEM.findall(section) for section in sections}
    return {title: pages for title, pages in found.items() if pages}


def _add_navigation(app: Sphinx, docname: str, content: list[str]) -> None:
    """The first page's lists once more, as Sphinx wants them."""
    if docname != app.config.root_doc:
        return
    listed = groups(content[0])
    known = {docname, *(page for pages in listed.values() for page in pages)}
    listed[REST] += sorted(
        page for page in app.env.found_docs if page not in known and "/" not in page
    )
    for title, pages in listed.items():
        lines = ["", "```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""]
        content[0] += "\n".join(lines)


def setup(app: Sphinx) -> None:
    """Adds the navigation to the first page, before what the site puts into it is read."""
    app.connect("source-read", _add_navigation, priority=100)
