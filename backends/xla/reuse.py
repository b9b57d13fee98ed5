"""Compiled functions that serve every network of the same structure."""

import collections
import hashlib
import re

MOST_KEPT = 64

_kept = collections.OrderedDict()


def reused(function):
    """Return a function that does what a new one does, and may be compiled already.

    TensorFlow keeps what it compiled for as long as the process lives, even when nobody can call it
    any more. So that a sweep over seeds or weights does not compile, and keep, the same thing again
    and again, networks that differ in nothing but the values of their constants share it.

    Parameters
    ----------
    function : tf.types.experimental.ConcreteFunction

    Returns
    -------
    tf.types.experimental.ConcreteFunction
    """
    if function.captured_inputs:
        return function
    key = fingerprint(function)
    function = _kept.setdefault(key, function)
    _kept.move_to_end(key)
    if len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return function


def fingerprint(function):
    """Return a digest that two functions have in common if and only if their graphs are alike."""
    graph = function.graph.as_graph_def()
    # Functions within, such as a loop's body, have numbers that no two of them share.
    names = sorted((f.signature.name for f in graph.library.function), key=_name_and_number)
    numbered = {name: f"{_name_and_number(name)[0]}#{i}" for i, name in enumerate(names)}
    within = sorted(graph.library.function, key=lambda f: names.index(f.signature.name))
    parts = [str(function.structured_input_signature), str(function.structured_outputs)]
    parts += map(_of_node, graph.node)
    for one in within:
        parts += [str(one.signature), str(sorted(one.ret.items())), str(sorted(one.attr.items()))]
        parts += map(_of_node, one.node_def)
    text = "\n".join(parts)
    if names:
        longest_first = sorted(map(re.escape, names), key=len, reverse=True)
        pattern = re.compile(f"({'|'.join(longest_first)})(?![0-9])")
        text = pattern.sub(lambda match: numbered[match[1]], text)
    return hashlib.sha256(text.encode()).hexdigest()


def _name_and_number(name):
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdigit() else (name, -1)


def _of_node(node):
    if node.op != "Const":
        return str(node)
    value = hashlib.sha256(node.attr["value"].SerializeToString(deterministic=True)).hexdigest()
    return f"{node.name} {node.attr['dtype']} {value}"
