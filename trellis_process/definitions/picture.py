"""A definition as an SVG image: its flowchart, drawn by Mermaid itself.

Mermaid runs in an interpreter for JavaScript that comes as a Python package; so there is neither a
browser nor a network needed.
"""

from __future__ import annotations

from trellis_process.definitions.graph import mermaid
from trellis_process.domain.definition.process_definition import ProcessDefinition

_CONFIG = {
    # As text of the image: not every program shows HTML inside of one.
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "nodeSpacing": 50, "rankSpacing": 50, "curve": "basis"},
    "fontFamily": "sans-serif",
    "themeVariables": {"edgeLabelBackground": "#ffffff"},
}


def svg(definition: ProcessDefinition) -> str:
    """The image. Raises ImportError where ``mermaidx`` is not installed."""
    import mermaidx

    image: str = mermaidx.render(mermaid(definition), theme="neutral", config=_CONFIG).svg()
    return image
