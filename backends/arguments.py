"""Checks of what simulators are given."""

import nengo
import numpy as np
from nengo.exceptions import ValidationError


def check_choice(name, value, choices):
    """Raise a ValidationError if a value is not one of the choices."""
    if value not in choices:
        raise ValidationError(f"must be one of {', '.join(map(str, choices))}, got {value!r}", name)


def check_size(size):
    """Return a minibatch's size, or None."""
    if size is None:
        return None
    if isinstance(size, bool) or int(size) != size or size < 1:
        raise ValidationError(f"must be a positive int or None, got {size!r}", "minibatch_size")
    return int(size)


def check_data(data, steps, batch, unbatched, known):
    """Return what Nodes are to put out, by Node: ``(steps or 1, size, batch)``.

    ``known`` is a collection with all Nodes of the network.

    Raises
    ------
    nengo.exceptions.ValidationError
        Naming the Node, what was given and what is wanted.
    """
    if isinstance(steps, bool) or int(steps) != steps or steps < 0:
        raise ValidationError(f"must be an int of at least 0, got {steps!r}", "steps")
    for node in data:
        if isinstance(node, nengo.Node) and node.size_in == 0 and node not in known:
            raise ValidationError(f"must be for Nodes of this network, got {node}", "data")
    return {node: _values(node, given, steps, batch, unbatched) for node, given in data.items()}


def _values(node, given, steps, batch, unbatched):
    if not isinstance(node, nengo.Node) or node.size_in > 0 or node.size_out == 0:
        raise ValidationError(f"must be for Nodes without input, got {node}", "data")
    values = np.asarray(given)
    if unbatched and values.ndim == 2:
        values = values[None]
    if values.dtype.kind not in "biuf" or not np.all(np.isfinite(values)):
        raise ValidationError(f"for {node} must be finite real numbers", "data")
    allowed = {(batch, steps, node.size_out), (batch, 1, node.size_out)}
    if values.shape not in allowed:
        first = "" if unbatched else f"{batch}, "
        raise ValidationError(
            f"for {node} must have shape ({first}{steps} or 1, {node.size_out}), "
            f"got {np.shape(given)}",
            "data",
        )
    return np.transpose(values, (1, 2, 0))
