"""What a backend says of Nodes whose functions it runs before the network."""

import nengo

from .base import HeldInput


def computed_ahead(network, is_ahead, in_step=False, held=None):
    """Return which Nodes are computed before the run although others run Python: in words.

    Such a Node does not see what the others' functions do to an object that they share.

    Parameters
    ----------
    network : nengo.Network
    is_ahead : callable
        Whether the backend runs a Node's function before the run.
    in_step : bool
        Whether it runs all of these step by step, so that they see what the others of them do.
    held : nengo.Node, optional
        Node that is given a constant in place of its function.

    Returns
    -------
    tuple of str
    """
    nodes = [node for node in network.all_nodes if node is not held and _runs_python(node)]
    ahead = [node for node in nodes if is_ahead(node)]
    n_unseen = len(nodes) - (len(ahead) if in_step else 1)
    if n_unseen == 0:
        return ()
    return tuple(
        f"Node {node.label or str(node)!r} was computed before the run: it does not see what other "
        "Nodes do while running"
        for node in ahead
    )


def _runs_python(node):
    """Return whether a Node has a function of its user's."""
    function = node.output
    if not callable(function) or isinstance(function, (nengo.Process, HeldInput)):
        return False
    # What has a compiled form depends on nothing but its input.
    return not hasattr(type(function), "xla_module")
