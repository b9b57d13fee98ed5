"""What reaches the chip's neurons through passthrough Nodes.

nengo-loihi sends what passes through a Node on the host on to the chip as spikes that stand for
values in [-1, 1], whatever the values are. Where a current is a sum of spikes through weights and
of a constant, formed by passthrough Nodes, nothing needs to be sent that way: the spikes can go
straight to the neurons, and the constant is their bias.
"""

import contextlib

import nengo
import numpy as np


def is_passthrough(obj):
    """Return whether ``obj`` is a Node that only adds up and passes on."""
    return isinstance(obj, nengo.Node) and obj.output is None


def paths_to(network, neurons):
    """Return all ways into a population through passthrough Nodes.

    Parameters
    ----------
    network : nengo.Network
    neurons : nengo.ensemble.Neurons

    Returns
    -------
    list of list of nengo.Connection
        Each from a source to the population, two connections or more.
    """
    into = {}
    for connection in network.all_connections:
        into.setdefault(connection.post_obj, []).append(connection)

    def back(connection, seen):
        if not is_passthrough(connection.pre_obj):
            return [[connection]]
        if connection.pre_obj in seen:
            return []
        seen = (*seen, connection.pre_obj)
        before = into.get(connection.pre_obj, [])
        return [[*path, connection] for c in before for path in back(c, seen)]

    return [path for c in into.get(neurons, []) for path in back(c, ()) if len(path) > 1]


class Path:
    """One way from a source through passthrough Nodes to a population.

    Attributes
    ----------
    connections : list of nengo.Connection
    source : nengo.Node, nengo.Ensemble or nengo.ensemble.Neurons
    neurons : nengo.ensemble.Neurons
    synapses : list of nengo.synapses.Synapse
    matrix : ndarray, shape (n_neurons, size of source), or None
        None where a transform is not a matrix, or the source is decoded.
    uniform : bool
        Whether the source's entries reach one neuron each, in order, by the same factor.
    """

    def __init__(self, connections):
        self.connections = connections
        self.source = connections[0].pre_obj
        self.neurons = connections[-1].post_obj
        self.synapses = [c.synapse for c in connections if c.synapse is not None]
        matrices = [_matrix(c) for c in connections]
        self.matrix = None
        decoded = isinstance(self.source, nengo.Ensemble)
        if not decoded and not any(m is None for m in matrices):
            self.matrix = matrices[0]
            for matrix in matrices[1:]:
                self.matrix = matrix @ self.matrix
        self.uniform = self.matrix is not None and _is_uniform(self.matrix)

    @property
    def is_spikes(self):
        """Return whether the source are neurons."""
        return isinstance(self.source, nengo.ensemble.Neurons)

    @property
    def is_constant(self):
        """Return whether this is a bias: a Node's constant values, one to each neuron."""
        return (
            isinstance(self.source, nengo.Node)
            and isinstance(self.source.output, np.ndarray)
            and self.uniform
        )

    @property
    def is_input(self):
        """Return whether a Node's values go through weights."""
        return isinstance(self.source, nengo.Node) and (
            self.source.size_in == 0 and self.source.size_out > 1 and not self.is_constant
        )

    @property
    def can_be_direct(self):
        """Return whether one connection can stand for this path."""
        return self.matrix is not None and len(self.synapses) <= 1

    def direct(self):
        """Return the connection that stands for this path; in no network."""
        label = next((c.label for c in self.connections if c.label), None)
        return nengo.Connection(
            self.source,
            self.neurons,
            transform=self.matrix,
            synapse=self.synapses[0] if self.synapses else None,
            label=label,
            add_to_container=False,
        )


def _is_uniform(matrix):
    rows, columns = matrix.shape
    return rows == columns and np.array_equal(matrix, matrix[0, 0] * np.eye(rows))


def _matrix(connection):
    """Return the matrix from the whole source to the whole target, or None."""
    transform = connection.transform
    if connection.function_info.function is not None or connection.learning_rule is not None:
        return None
    if isinstance(transform, nengo.transforms.NoTransform):
        init = np.array(1.0)
    elif isinstance(transform, nengo.Dense) and isinstance(transform.init, np.ndarray):
        init = transform.init
    else:
        return None
    n_in, n_out = connection.pre_obj.size_out, connection.post_obj.size_in
    if init.ndim < 2:
        init = init * np.eye(connection.size_in)
    matrix = np.zeros((n_out, n_in))
    rows, columns = np.arange(n_out)[connection.post_slice], np.arange(n_in)[connection.pre_slice]
    matrix[np.ix_(np.atleast_1d(rows), np.atleast_1d(columns))] = init
    return matrix


@contextlib.contextmanager
def short_cuts(network, ways):
    """Let connections and biases stand for paths while the block runs.

    Parameters
    ----------
    network : nengo.Network
    ways : dict of {nengo.Ensemble: list of Path}
        For each population all of its paths, each one that can be direct.
    """
    networks = [network, *network.all_networks]
    connections = [list(n.connections) for n in networks]
    biases = {ensemble: ensemble.bias for ensemble in ways}
    replaced = {path.connections[-1] for paths in ways.values() for path in paths}
    try:
        for n in networks:
            n.connections[:] = [c for c in n.connections if c not in replaced]
        for ensemble, paths in ways.items():
            constants = [p.matrix @ p.source.output for p in paths if p.is_constant]
            ensemble.bias = ensemble.bias + np.sum(constants, axis=0)
            network.connections.extend(p.direct() for p in paths if not p.is_constant)
        yield
    finally:
        for n, before in zip(networks, connections):
            n.connections[:] = before
        for ensemble, bias in biases.items():
            ensemble.bias = bias
