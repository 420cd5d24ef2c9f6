"""How the pages here, and what is made from the code, become a site: ``make docs``."""

import logging
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from trellis_site.python_modules import source_of as linkcode_resolve  # noqa: E402, F401

logging.getLogger("pynamodb.settings").setLevel(logging.WARNING)  # tells where it found none

project = "Trellis"
version = release = version_of("trellis-process")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.linkcode",
    "trellis_site",
]

# ---------------------------------------------------------------- pages

myst_heading_anchors = 4  # a heading's anchor is the one that a code host gives it
myst_fence_as_directive = ["mermaid"]
myst_enable_extensions = ["attrs_block"]
exclude_patterns = ["trellis_site"]

# ---------------------------------------------------------------- what must not be broken

nitpicky = True
nitpick_ignore_regex = [
    # Signatures name types of Python and of libraries, and some of ours that are not public.
    ("py:.*", r"(?!trellis_process\.).*"),
    ("py:.*", r"trellis_process\.\w+\.\w+\..*"),
]
suppress_warnings = ["misc.highlighting_failure"]  # a dialect without colours is shown without

# ---------------------------------------------------------------- Python reference

autodoc_default_options = {"members": True}
autodoc_class_signature = "separated"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
# What these stand for says the page of definitions' steps; written out it would say less.
autodoc_type_aliases = {name: name for name in ("AnyStep", "Expression", "Inputs", "Target")}
add_module_names = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# ---------------------------------------------------------------- looks

html_theme = "furo"
html_title = "Trellis"
pygments_dark_style = "a11y-dark"  # the usual one underlines what is imported, as if it were a link
html_static_path = ["trellis_site/static"]
html_css_files = ["trellis.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#166534",
        "color-brand-content": "#15803d",
    },
    "dark_css_variables": {
        "color-brand-primary": "#86efac",
        "color-brand-content": "#4ade80",
    },
    "top_of_page_buttons": [],
}
