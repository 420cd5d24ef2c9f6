"""The pictures in a page, drawn when the site is built.

Mermaid draws them, in an interpreter for JavaScript that comes as a Python package. So a reader's
browser draws nothing and fetches nothing, and who builds the site needs no browser and no Node.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import mermaidx
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

KINDS = {
    "flowchart": "Flow chart",
    "sequenceDiagram": "Sequence diagram",
    "stateDiagram-v2": "State diagram",
}
#: Grey on nothing, so that a dark page shows the same picture turned about.
THEME = "neutral"
CONFIG = {
    # As text of the picture: not every browser shows HTML inside an image.
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "nodeSpacing": 70},
    "fontFamily": "sans-serif",
    "themeVariables": {"edgeLabelBackground": "#ffffff"},
}


class Picture(SphinxDirective):
    """A block of Mermaid as an image, which leads to itself in full size."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Draws it into the folder of images of the site."""
        # A code host has room for a chart that goes to the right; the column of a page has not.
        source = "\n".join(self.content).replace("flowchart LR", "flowchart TB")
        kind = KINDS[source.split(None, 1)[0]]
        name = f"_images/{sha256(source.encode()).hexdigest()[:12]}.svg"
        path = Path(self.env.app.outdir) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mermaidx.render(source, theme=THEME, config=CONFIG).svg(), encoding="utf-8")
        address = "../" * self.env.docname.count("/") + name
        image = f'<a href="{address}"><img src="{address}" alt="{kind} of this section"></a>'
        return [nodes.raw("", f'<div class="picture">{image}</div>', format="html")]


def setup(app: Sphinx) -> None:
    """Draws every block of Mermaid."""
    app.add_directive("mermaid", Picture)
