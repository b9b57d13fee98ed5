"""The directive ``command-lines``: the options of every script, from the script's own parser."""

import argparse
import importlib.util
import re
import sys
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]


class CommandLines(SphinxDirective):
    """Document each ``run_*.py`` of the repository."""

    def run(self):
        """Give a section for each script."""
        lines = []
        for path in sorted(ROOT.glob("run_*.py")):
            parser, source = parser_of(path)
            self.env.note_dependency(source)
            lines += described(path.name, parser)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def parser_of(path):
    """The parser of a script, which its ``main`` has beside it, and the file that defines it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    module = sys.modules[script.main.__module__]
    return module.parser(), module.__file__


def described(name, parser):
    """A script's options in reStructuredText: one section, its groups as rubrics."""
    lines = [name, "~" * len(name), "", *indented(parser.description or "", ""), ""]
    lines += [f".. program:: {name}", ""]
    for group in parser._action_groups:  # argparse has no public way to its groups
        actions = [a for a in group._group_actions if a.help != argparse.SUPPRESS]
        actions = [a for a in actions if not isinstance(a, argparse._HelpAction)]
        if not actions:
            continue
        lines += [f".. rubric:: {escaped(group.title)}", ""]
        for action in actions:
            lines += [f".. option:: {', '.join(spellings(action))}", ""]
            lines += [*indented(help_of(action, parser), "   "), ""]
    return lines


def spellings(action):
    """An option's names, each with what it takes."""
    names = action.option_strings or [action.dest]
    if action.nargs == 0:
        return names
    takes = action.metavar or action.dest.upper()
    if action.choices is not None:
        takes = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    if isinstance(takes, tuple):
        takes = " ".join(takes)
    takes += " ..." * (action.nargs in ("+", "*"))
    return [f"{name} {takes}" if action.option_strings else takes for name in names]


def help_of(action, parser):
    """What an option's help says."""
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def escaped(text):
    """A text without markup of its own."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def indented(text, indent):
    """Lines of escaped text; those that are set in stay as they are."""
    return [indent + escaped(line) for line in text.strip().splitlines()]


def setup(app):
    """Add the directive."""
    app.add_directive("command-lines", CommandLines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
