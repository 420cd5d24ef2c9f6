"""Labels of a flowchart: text as Mermaid takes it, whatever is in it."""

from __future__ import annotations

from textwrap import shorten

_LABEL_CHARACTERS = 60
#: What Mermaid, or HTML in it, would read as something else. Of all that it decodes, these names
#: are decoded alike in nodes and beside arrows, with HTML and without.
_ESCAPED = str.maketrans(
    {"<": "#lt;", ">": "#gt;", "&": "#amp;", '"': "'", "`": "'", "#": "#\u200b", "\\": "\\\u200b"}
)


def short(text: str) -> str:
    """So much of a text as a label holds."""
    return shorten(text, _LABEL_CHARACTERS, placeholder=" …")


def label(*lines: str) -> str:
    """Lines of text, quoted; those that say nothing are left out."""
    escaped = (" ".join(line.split()).translate(_ESCAPED) for line in lines if line)
    return '"' + "<br>".join(escaped) + '"'
