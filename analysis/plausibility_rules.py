"""Which signals the learning rules of a built network read, and whether their synapse has them."""

from dataclasses import dataclass

from nengo.builder.processes import SimProcess
from nengo.ensemble import Neurons

from .plausibility_graph import at_neurons, named, owner

HERE = ("presynaptic", "postsynaptic", "own weight", "constant", "time")


@dataclass(frozen=True)
class Reading:
    """One signal that a learning rule's operator reads.

    Attributes
    ----------
    rule : str
        The connection that learns.
    signal : str
        Name of what is read.
    source : str
        Where it comes from.
    place : str
        ``presynaptic``, ``postsynaptic`` (of the column in which the connection ends),
        ``own weight``, ``constant``, ``time``, or ``elsewhere``: not at the synapse.
    """

    rule: str
    signal: str
    source: str
    place: str

    @property
    def is_local(self):
        """Whether it is present at the synapse."""
        return self.place in HERE


class Rules:
    """The learning rules of a `Circuit`, read from the operators that the builder made of them.

    Attributes
    ----------
    connections : list of nengo.Connection
        Those that learn.
    readings : list of Reading
    pooled : set of nengo.Node
        Those on the way to an error whose output depends on several units of a layer.
    paired : list of nengo.Connection
        Whose rule reads, for each synapse, the other neuron of an on/off pair too.
    mixed : list of nengo.Connection
        From neurons to a rule, by weights that mix units.
    unread : list of nengo.Connection
        Whose operator was not found.
    clocked : dict of {nengo.Connection: float}
        Those whose weights wait for a clock, and its period in s.
    """

    def __init__(self, circuit):
        self.circuit, model = circuit, circuit.model
        self.connections, self.readings = [], []
        self.pooled, self.paired, self.mixed, self.unread = set(), [], [], []
        self.clocked = {}
        self._objects, self._weights, self._makers = {}, {}, {}
        for obj in (*circuit.nodes, *(e.neurons for e in circuit.ensembles)):
            signal = model.sig[obj].get("out")
            if signal is not None:
                self._objects[signal.base] = obj
        for c in circuit.connections:
            signal = model.sig[c].get("weights")
            if signal is not None:
                self._weights[signal.base] = c
        for op in model.operators:
            for signal in (*op.sets, *op.incs, *op.updates):
                self._makers.setdefault(signal.base, []).append(op)
        for c in circuit.connections:
            rules = c.learning_rule
            if rules is None:
                continue
            self.connections.append(c)
            if isinstance(rules, dict):
                rules = list(rules.values())
            for rule in rules if isinstance(rules, list) else [rules]:
                self._read(c, rule)

    def _read(self, connection, rule):
        """What the operator that makes the rule's change reads."""
        delta = self.circuit.model.sig[rule].get("delta")
        makers = [] if delta is None else self._makers.get(delta.base, [])
        makers = [op for op in makers if op.reads]
        if not makers:
            self.unread.append(connection)
        for op in makers:
            if getattr(op, "on_off", False):
                self.paired.append(connection)
            every = getattr(op, "every", 1)
            if every > 1:
                self.clocked[connection] = every * self.circuit.model.dt
            for signal in op.reads:
                if signal.base is not self.circuit.model.step.base:
                    self._place(connection, signal)
        for c in self.circuit.connections:
            if c.post_obj != rule or not self.circuit.mixes(c):
                continue
            if not at_neurons(c.pre_obj):
                self._add(connection, "error", f"{named(c.pre_obj)} by a matrix", "elsewhere")
            elif isinstance(c.pre_obj, Neurons):  # decoders of an ensemble give what it stands for
                self.mixed.append(c)

    def _place(self, connection, signal):
        """Add the readings that one signal stands for."""
        circuit, name = self.circuit, signal.name.split(":")[-1]
        if signal.base in self._weights:
            other = self._weights[signal.base]
            place = "own weight" if other is connection else "elsewhere"
            self._add(connection, "weights", named(other), place)
            return
        sources = self._sources(signal)
        if not sources:
            self._add(connection, name, "a constant", "constant")
        for source in sources:
            if source == "time":
                self._add(connection, name, "a function of time", "time")
            elif owner(source) is owner(connection.pre_obj):
                self._add(connection, name, named(source), "presynaptic")
            elif circuit.column(source) is circuit.column(connection.post_obj):
                self._add(connection, name, named(source), "postsynaptic")
            else:
                self._add(connection, name, named(source), "elsewhere")
            if self.readings[-1].place == "postsynaptic":
                nodes = circuit.upstream([owner(source)])
                self.pooled |= {node for node in nodes if circuit.pools(node)}

    def _add(self, connection, signal, source, place):
        self.readings.append(Reading(named(connection), signal, source, place))

    def _sources(self, signal):
        """The objects, or "time", whose outputs a signal is made of, followed through filters."""
        sources, seen, now = [], set(), [signal.base]
        while now:
            base = now.pop()
            if base in seen or base in self._weights:
                continue
            seen.add(base)
            if base is self.circuit.model.time.base:
                sources.append("time")
            elif base in self._objects:
                sources.append(self._objects[base])
            else:
                for op in self._makers.get(base, []):
                    # Synapses read the time, too, but only to pass it on to filters.
                    filters = isinstance(op, SimProcess) and op.input is not None
                    now += [read.base for read in ([op.input] if filters else op.reads)]
        return sources
