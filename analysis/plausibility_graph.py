"""A built Nengo network as the audit reads it: layers, and the connections between them."""

import nengo
import numpy as np
from nengo.connection import LearningRule
from nengo.ensemble import Neurons
from nengo.transforms import Dense, NoTransform


class Circuit:
    """Columns, and what crosses between them.

    A *column* is what is joined one to one: a layer with its values, errors and the graded Nodes
    between. What crosses are connections that start at neurons, or whose weights mix units.
    Nodes whose output comes from outside belong to no column.

    Parameters
    ----------
    network : nengo.Network
    model : nengo.builder.Model
        In which the network is built.
    start : nengo.Node
        The input, from which depth is counted.

    Attributes
    ----------
    connections, crossings, weighted, forward, feedback : list of nengo.Connection
        All; those between columns; those of them with weights; of these, those that lead away from
        the input, and towards it.
    outside : list of nengo.Node
        Those without an input.
    constants : list of nengo.Ensemble
        Neurons that nothing is connected to, so that they give out the same for ever.
    """

    def __init__(self, network, model, start):
        self.model = model
        self.connections = list(network.all_connections)
        self.nodes, self.ensembles = list(network.all_nodes), list(network.all_ensembles)
        self.outside = [node for node in self.nodes if node.size_in == 0]
        driven = {owner(c.post_obj) for c in self.connections if not _teaches(c)}
        self.constants = [e for e in self.ensembles if e not in driven]
        self._mixing = {c for c in self.connections if self._mixes_units(c)}
        self.crossings = [c for c in self.connections if at_neurons(c.pre_obj) or c in self._mixing]
        self._joined = {o: o for o in (*self.nodes, *self.ensembles)}
        for c in self.connections:
            if not (_teaches(c) or c in self._mixing or c.pre_obj in self.outside):
                self._joined[self.column(c.pre_obj)] = self.column(c.post_obj)
        weighted = [c for c in self.crossings if c in self._mixing and not _teaches(c)]
        depth = self._depths(start, weighted)
        self.forward, self.feedback = [], []
        for c in weighted:
            pre, post = (depth.get(self.column(obj)) for obj in (c.pre_obj, c.post_obj))
            if pre is not None and post is not None and pre != post:
                (self.forward if pre < post else self.feedback).append(c)
        self.weighted = weighted

    def _mixes_units(self, connection):
        """Whether units get sums of other units, each with a weight of its own, or learn."""
        transform = connection.transform
        if connection.learning_rule_type is not None or isinstance(
            connection.pre_obj, nengo.Ensemble
        ):
            return True
        if isinstance(transform, NoTransform):
            return False
        weights = self.weights(connection)
        if not isinstance(transform, Dense) or weights.shape == (1, 1):
            return True
        if weights.ndim < 2 or not weights.any():
            return False
        few, many = sorted(np.count_nonzero(weights, axis=axis).max() for axis in (0, 1))
        same = len(np.unique(np.abs(weights[weights != 0]))) == 1
        # One to one, or to and from an on/off pair.
        return not (few == 1 and (many == 1 or (many == 2 and same)))

    def _depths(self, start, weighted):
        """How many layers of weights are at least between the input and each column."""
        depth, now = {self.column(start): 0}, [self.column(start)]
        for c in self.connections:
            if c.pre_obj is start and c not in self._mixing:
                depth[self.column(c.post_obj)] = 0
                now.append(self.column(c.post_obj))
        while now:
            column = now.pop(0)
            for c in weighted:
                post = self.column(c.post_obj)
                if self.column(c.pre_obj) is column and post not in depth:
                    depth[post] = depth[column] + 1
                    now.append(post)
        return depth

    def column(self, obj):
        """What stands for the column of an object, the same for all in it."""
        obj = owner(obj)
        while self._joined[obj] is not obj:
            obj = self._joined[obj]
        return obj

    def weights(self, connection):
        """The built weights: an ndarray of shape ``(n_post, n_pre)``, or less for one to one."""
        weights = self.model.params[connection].weights
        return np.asarray(weights.toarray() if hasattr(weights, "toarray") else weights)

    def mixes(self, connection):
        """Whether it has weights that mix units."""
        return connection in self._mixing

    def merged(self):
        """Signs that what counts as one column is several layers, joined one to one: sentences."""
        said = []
        for c in self.weighted:
            if self.column(c.pre_obj) is self.column(c.post_obj):
                said.append(f"{named(c)} starts and ends in one column")
        for connections in (self.forward, self.feedback):
            ends = {}
            for c in connections:
                ends.setdefault(self.column(c.post_obj), set()).add(owner(c.post_obj))
            for objects in ends.values():
                if len(objects) > 1:
                    names = ", ".join(sorted(map(named, objects)))
                    said.append(f"weights end at several places of one column: {names}")
        return said

    def pair_of(self, feedback):
        """The forward connection between the same two columns, or None."""
        ends = [self.column(feedback.post_obj), self.column(feedback.pre_obj)]
        for c in self.forward:
            if [self.column(c.pre_obj), self.column(c.post_obj)] == ends:
                return c
        return None

    def value_neurons(self, obj):
        """Neurons in the column of ``obj`` from which forward connections start."""
        column = self.column(obj)
        starts = {owner(c.pre_obj) for c in self.forward}
        return [e for e in self.ensembles if e in starts and self.column(e) is column]

    def rates(self, ensemble, x):
        """Rates at the currents ``x`` of its first neuron, amplitude included, shape of ``x``."""
        built = self.model.params[ensemble]
        return ensemble.neuron_type.rates(x, built.gain[:1], built.bias[:1])[:, 0]

    def upstream(self, objects):
        """Nodes that lead one to one to any of ``objects``, and these, within their columns."""
        found, now = set(objects), list(objects)
        while now:
            obj = now.pop()
            for c in self.connections:
                if _teaches(c) or owner(c.post_obj) is not obj or at_neurons(c.pre_obj):
                    continue
                if c not in self._mixing and c.pre_obj not in found:
                    found.add(c.pre_obj)
                    now.append(c.pre_obj)
        return found

    def entrances(self, node):
        """Indices of a Node's input at which each connection ends: pairs."""
        return [
            (c, np.atleast_1d(np.arange(node.size_in)[c.post_slice]))
            for c in self.connections
            if c.post_obj is node
        ]

    def function_after(self, connection):
        """The first Node with a function that a connection reaches one to one, and where.

        Returns
        -------
        nengo.Node or None, ndarray of int or None
        """
        now, seen = [connection], set()
        while now:
            c = now.pop(0)
            node = c.post_obj
            if not isinstance(node, nengo.Node) or node in seen:
                continue
            if node.output is not None:
                return node, np.arange(node.size_in)[c.post_slice]
            seen.add(node)
            now += [o for o in self.connections if o.pre_obj is node and o not in self._mixing]
        return None, None

    def pools(self, node):
        """Whether an output of a Node's function depends on several entries of one of its inputs.

        The function is called, at random inputs, once for each of them.
        """
        if not (isinstance(node, nengo.Node) and node.size_in and callable(node.output)):
            return False
        base = np.random.default_rng(0).uniform(0.2, 0.8, node.size_in)
        at_base = np.array(node.output(0.0, base.copy()))
        for _, indices in self.entrances(node):
            changed = 0
            for i in indices:
                x = base.copy()
                x[i] += 0.3
                changed = changed + (np.array(node.output(0.0, x)) != at_base)
            if np.any(np.asarray(changed) > 1):
                return True
        return False

    def silences(self, connection):
        """Whether what comes by a connection, when 0, makes the Node's output 0, else not."""
        node = connection.post_obj
        if not (isinstance(node, nengo.Node) and callable(node.output)):
            return False
        x = np.random.default_rng(1).uniform(0.2, 0.8, node.size_in)
        before = np.any(node.output(0.0, x.copy()))
        x[connection.post_slice] = 0
        return bool(before and not np.any(node.output(0.0, x)))


def owner(obj):
    """The Node or ensemble to which an end of a connection belongs."""
    if isinstance(obj, LearningRule):
        obj = obj.connection.post_obj
    return obj.ensemble if isinstance(obj, Neurons) else obj


def at_neurons(obj):
    """Whether what leaves ``obj`` are the outputs of neurons, decoded or not."""
    return isinstance(obj, (Neurons, nengo.Ensemble))


def named(obj):
    """A name for a connection or an object: its label, or what it joins."""
    if isinstance(obj, LearningRule):
        return f"the rule of {named(obj.connection)}"
    if isinstance(obj, nengo.Connection) and obj.label is None:
        return f"{named(obj.pre_obj)} to {named(obj.post_obj)}"
    obj = owner(obj)
    return f"'{obj.label}'" if obj.label else str(obj)


def one_way(weights):
    """``B`` of ``[B, -B]``, as weights from on/off pairs are; other weights as they are."""
    if weights.ndim != 2:
        return weights
    half = weights.shape[1] // 2
    on, off = weights[:, :half], weights[:, half:]
    return on if half and weights.shape[1] % 2 == 0 and np.array_equal(on, -off) else weights


def _teaches(connection):
    """Whether a connection ends at a learning rule."""
    return isinstance(connection.post_obj, LearningRule)
