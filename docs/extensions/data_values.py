"""Constants that have no text of their own are documented by what they hold."""

import sys

from sphinx.pycode import ModuleAnalyzer


def describe(app, what, name, obj, options, lines):
    """Replace the docstring of a constant's type by the constant's own text, or its entries."""
    if what == "data":
        lines[:] = own_text(name, obj) or [", ".join(f"``{entry!r}``" for entry in obj), ""]


def own_text(name, obj):
    """The text below a constant where it is defined, which may be a module that exports it."""
    package, short = name.rsplit(".", 1)
    for module in [m for m in sys.modules if f"{m}.".startswith(f"{package}.")]:
        if vars(sys.modules[module]).get(short) is obj:
            texts = ModuleAnalyzer.for_module(module).find_attr_docs()
            if ("", short) in texts:
                return texts["", short]
    return None


def setup(app):
    """Listen to autodoc."""
    app.connect("autodoc-process-docstring", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
