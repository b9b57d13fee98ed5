"""Sphinx configuration; `make docs` builds the site, without a network."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "nengo-pc"
author = "the nengo-pc authors"
version = release = version_of("nengo-pc")
html_title = f"{project} {version}"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "command_lines",
    "data_values",
    "linked_names",
    "mathml",
    "public_names",
]
exclude_patterns = ["_build", "extensions"]

# Equations between dollar signs, as GitHub has them; links to headings.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Quotes and dashes as they are written: many are of code.
smartquotes = False
# `name` in a docstring is a Python object, shown as code where it is not one of this site's.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_generate = False
# Classes list their own methods; those of nengo.Network are Nengo's to document.
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_math_renderer = "mathml"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
pygments_style = "tango"
