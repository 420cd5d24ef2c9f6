"""What the site has beyond its pages: what is made from the code, pictures, files, navigation.

A page asks for it with a comment, which a code host does not show: ``<!-- site: events -->``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trellis_site import (
    constructors,
    made_text,
    navigation,
    pictures,
    python_modules,
    repository_files,
)

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Puts everything into a build."""
    for part in (
        constructors,
        made_text,
        navigation,
        pictures,
        python_modules,
        repository_files,
    ):
        part.setup(app)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
