"""How the site is built: ``make docs``. No network is needed, and every warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from _site.reference import pack_inventory
from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

import vonage_messages

project = "vonage-messages-async"
author = "the authors of vonage-messages-async"
release = version = vonage_messages.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "_site.elsewhere",
    "_site.reference",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_site"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:(class|obj)", r"(.*\.)?(T|\w+T)"),  # what a signature leaves open has no entry
    ("py:class", r".*\._[A-Z]\w+"),  # nor has what is private
    ("py:class", r"(.*\.)?(Balance|ReleaseDesk|AccountBook|ApplicationBook|Journal)"),  # nor have the simulator's parts
]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_display_short_literal_types = True
toc_object_entries_show_parents = "hide"

_PACKED = HERE.parent / "build" / "inventories"
intersphinx_mapping = {
    name: (address, pack_inventory(name, _PACKED))
    for name, address in {
        "python": "https://docs.python.org/3/",
        "aiohttp": "https://docs.aiohttp.org/en/stable/",
        "opentelemetry": "https://opentelemetry-python.readthedocs.io/en/stable/",
        "procrastinate": "https://procrastinate.readthedocs.io/en/stable/",
        "psycopg": "https://www.psycopg.org/psycopg3/docs/",
        "yarl": "https://yarl.aio-libs.org/en/stable/",
    }.items()
}
intersphinx_disabled_reftypes = ["std:doc"]

lexers["csv"] = TextLexer()

pygments_dark_style = "github-dark"

html_theme = "furo"
html_title = "vonage-messages-async"
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
