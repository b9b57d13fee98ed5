"""Directives for the reference: what a module exports, and what each module of a package does."""

import importlib
import inspect
import pkgutil

from sphinx.util.docutils import SphinxDirective


class PublicNames(SphinxDirective):
    """Document a module's public names: those given, or its ``__all__``, or what it defines."""

    required_arguments = 1
    optional_arguments = 100

    def run(self):
        """Give a table of the names, and the documentation of each."""
        module, *names = self.arguments
        lines = documented(self.env, module, names)
        return self.parse_text_to_nodes("\n".join(lines))


class PublicModules(SphinxDirective):
    """Document every module of a package, sub-packages included, in a section of its own."""

    required_arguments = 1

    def run(self):
        """Give the sections."""
        package = importlib.import_module(self.arguments[0])
        lines = []
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.ispkg:
                title = f"``{found.name.removeprefix('nengo_pc.')}``"
                lines += [title, "~" * len(title), "", *documented(self.env, found.name)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def documented(env, module, names=()):
    """The reStructuredText that documents names of a module.

    Parameters
    ----------
    env : sphinx.environment.BuildEnvironment
        Is told that the page depends on the module.
    module : str
    names : sequence of str
        None: the module's ``__all__``, or else what it defines.

    Returns
    -------
    list of str
    """
    imported = importlib.import_module(module)
    names = names or getattr(imported, "__all__", None) or defined_by(imported)
    env.note_dependency(imported.__file__)
    # Data have no docstring of their own to show in a table.
    in_table = [name for name in names if callable(getattr(imported, name))]
    lines = [f".. automodule:: {module}", "", ".. autosummary::", ""]
    lines += [*(f"   {name}" for name in in_table), ""]
    for name in names:
        value = getattr(imported, name)
        if inspect.isclass(value):
            lines += [f".. autoclass:: {module}.{name}", "   :members:", ""]
        elif callable(value):
            lines += [f".. autofunction:: {module}.{name}", ""]
        else:
            lines += [f".. autodata:: {module}.{name}", "   :no-value:", ""]
    return lines


def defined_by(module):
    """Names of the public functions and classes that a module defines, in their order."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def setup(app):
    """Add the directives."""
    app.add_directive("public-names", PublicNames)
    app.add_directive("public-modules", PublicModules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
