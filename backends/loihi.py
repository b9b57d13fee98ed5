"""The Loihi emulator of nengo-loihi.

The chip has LIF neurons whose constants and weights are integers, and first-order low-pass
synapses. What the chip cannot do is substituted, and named:

* an alpha synapse of time constant tau onto the chip becomes the low-pass of the same mean delay,
  2 tau;
* a population that receives a Node's values as currents, or whose neuron type the chip does not
  have, runs on the host;
* spikes that reach the chip's neurons through passthrough Nodes go straight there, and constants
  become the neurons' bias, which changes nothing; what a Node on the host works out and adds
  reaches the chip as spikes that stand for values in [-1, 1].

The chip learns with `nengo.PES` only: any other learning rule is refused.
"""

import contextlib
import warnings

import nengo
import numpy as np
from nengo.exceptions import BuildError

from .ahead import computed_ahead
from .base import Backend, HeldInput, attributes, quiet_build, reduced, restart
from .compatibility import import_nengo_dl
from .errors import BackendUnavailable
from .loihi_paths import Path, is_passthrough, paths_to, short_cuts

INSTALL = 'pip install "nengo-pc[loihi]" (Python 3.11 or 3.12; nengo-loihi needs NumPy below 2)'
CHIP_NEURONS = (nengo.LIF, nengo.SpikingRectifiedLinear)


def import_nengo_loihi():
    """Import nengo-loihi.

    Raises
    ------
    BackendUnavailable
        If it is not installed, or NumPy is too new for it.
    """
    if int(np.__version__.split(".")[0]) >= 2:
        raise BackendUnavailable("nengo-loihi 1.1", INSTALL, f"NumPy {np.__version__} is too new")
    try:
        with contextlib.suppress(BackendUnavailable):
            # nengo-loihi imports TensorFlow and NengoDL where they are there: let them come in
            # the way that leaves NengoDL usable.
            import_nengo_dl()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import nengo_loihi
    except ImportError as error:
        raise BackendUnavailable("nengo-loihi", INSTALL, error) from error
    return nengo_loihi


class Loihi(Backend):
    """`nengo_loihi.Simulator` with ``target="sim"``."""

    name = "loihi"

    def check(self):
        """Import nengo-loihi."""
        import_nengo_loihi()

    def simulator(self, network, **options):
        """Return a `nengo_loihi.Simulator`; options are its own."""
        nengo_loihi = import_nengo_loihi()
        options.setdefault("target", "sim")
        _check_rules(network)
        nengo_loihi.add_params(network)
        paths = {e: [Path(p) for p in paths_to(network, e.neurons)] for e in network.all_ensembles}
        places, host = _place(network, paths)
        with attributes(places):
            ways, values = _short_cuts(network, paths)
            with short_cuts(network, ways):
                synapses, substitutions = _substitutes(network)
                with attributes(synapses), quiet_build():
                    try:
                        simulator = nengo_loihi.Simulator(network, **options)
                    except NotImplementedError as error:
                        raise BuildError(
                            f"nengo-loihi cannot put this network on the chip ({error}); average "
                            "pooling above a layer on the chip is one thing it cannot do, strides "
                            "do the same"
                        ) from error
        split = simulator.model.split
        ahead = computed_ahead(
            network, lambda node: split.precompute and split.precomputable(node), in_step=True
        )
        simulator.substitutions = (*host, *values, *substitutions, *ahead)
        return simulator

    def runs(self, network, node, images, keep, n_steps, dt, seed, **options):
        """Show images one at a time; see `Backend.runs`."""
        held = HeldInput(images[0])
        with attributes([(node, "output", held)]):
            simulator = self.simulator(network, dt=dt, seed=seed, **options)
        self.substitutions = simulator.substitutions
        with simulator:
            for i, image in enumerate(images):
                held.value = image
                _rewind(simulator, seed + i)
                simulator.run_steps(n_steps)
                yield {p: reduced(np.asarray(simulator.data[p]), k)[None] for p, k in keep.items()}


def _check_rules(network):
    """Refuse what the chip cannot learn with, before anything is built."""
    for connection in network.all_connections:
        rules = connection.learning_rule_type
        rules = rules.values() if isinstance(rules, dict) else np.ravel(rules)
        for rule in rules:
            if rule is not None and not isinstance(rule, nengo.PES):
                raise BuildError(
                    f"the Loihi chip learns with PES only; {connection.label or connection} has "
                    f"{rule}: build the network without a learning rule and run inference only, "
                    "with parameters learned on another backend"
                )


def _place(network, paths):
    """Return what the chip can't have and the host runs: as `attributes` takes it, and in words."""
    direct = {
        _ensemble(c.post)
        for c in network.all_connections
        if isinstance(c.pre_obj, nengo.Node) and c.pre_obj.size_in == 0 and c.pre_obj.size_out > 1
    }
    changes, words = [], []
    for ensemble in network.all_ensembles:
        kind = type(ensemble.neuron_type)
        if kind not in CHIP_NEURONS and not kind.__module__.startswith("nengo_loihi"):
            reason = f"the chip has no {kind.__name__} neurons"
        elif ensemble in direct or _receives_values(network, ensemble, paths[ensemble]):
            reason = "it receives values, not spikes"
        elif any(len(path.synapses) > 1 for path in paths[ensemble] if path.is_spikes):
            reason = "its input passes two synapses, and the chip has one for each connection"
        else:
            continue
        changes.append((network.config[ensemble], "on_chip", False))
        words.append(f"{ensemble.label or ensemble} runs on the host: {reason}")
    if network.all_ensembles and len(words) == len(network.all_ensembles):
        raise BuildError(
            "nothing is left for the Loihi chip: every population of this network receives a "
            "Node's values directly or has a neuron type that the chip lacks; put a spiking "
            "population of LIF neurons in between, or use the encoder 'poisson' "
            f"({'; '.join(words)})"
        )
    return changes, words


def _receives_values(network, ensemble, paths):
    """Return whether a Node's changing values are all, or the main thing, that neurons receive."""
    if any(path.is_input for path in paths):
        return True
    into = [c.pre_obj for c in network.all_connections if c.post_obj == ensemble.neurons]
    sources = [*(path.source for path in paths), *(obj for obj in into if not is_passthrough(obj))]
    return bool(sources) and all(isinstance(s, nengo.Node) and s.size_in > 0 for s in sources)


def _short_cuts(network, paths):
    """Return which paths to populations on the chip connections can stand for, and changes."""
    ways, words = {}, []
    for ensemble, into in paths.items():
        on_chip = network.config[ensemble].on_chip is not False
        if not (into and on_chip and all(path.can_be_direct for path in into)):
            continue
        ways[ensemble] = into
        for path in into:
            if not (path.is_spikes or path.is_constant):
                words.append(
                    f"what {path.source.label or path.source} works out reaches "
                    f"{ensemble.label or ensemble} as spikes that stand for values in [-1, 1]"
                )
    return ways, words


def _ensemble(obj):
    obj = getattr(obj, "obj", obj)  # a slice's own object
    return getattr(obj, "ensemble", obj)


def _substitutes(network):
    """Return synapses to change, as `attributes` takes them, and what is changed, in words."""
    changes, words = [], []
    for connection in network.all_connections:
        post = _ensemble(connection.post)
        on_host = not isinstance(post, nengo.Ensemble) or network.config[post].on_chip is False
        synapse = connection.synapse
        # Through a passthrough Node, nengo-loihi joins two connections into one onto the chip.
        if on_host and not _leads_to_chip(network, post):
            continue
        if synapse is None or isinstance(synapse, nengo.Lowpass):
            continue
        name = connection.label or str(connection)
        if not isinstance(synapse, nengo.Alpha):
            raise BuildError(
                f"the Loihi chip has low-pass synapses only; {name} has {synapse}: "
                "use nengo.Lowpass or nengo.Alpha"
            )
        changes.append((connection, "synapse", nengo.Lowpass(2 * synapse.tau)))
        words.append(
            f"{name}: alpha synapse of {1000 * synapse.tau:g} ms became a low-pass of "
            f"{2000 * synapse.tau:g} ms, the same mean delay"
        )
    return changes, words


def _leads_to_chip(network, obj):
    """Return whether a passthrough Node leads on to a population on the chip."""
    if not is_passthrough(obj):
        return False
    targets = [_ensemble(c.post) for c in network.all_connections if c.pre_obj is obj]
    return any(
        (isinstance(t, nengo.Ensemble) and network.config[t].on_chip is not False)
        or _leads_to_chip(network, t)
        for t in targets
    )


def _rewind(simulator, seed):
    """Bring the emulator and the host's simulators back to their first step.

    nengo-loihi 1.1 has no reset of its own; its chip state is made anew from the model that was
    built, which costs far less than building.
    """
    from nengo_loihi.emulator import EmulatorInterface
    from nengo_loihi.simulator import StepRunner

    for name, part in simulator.sims.items():
        if name != "emulator":
            restart(part, seed)
    for source in simulator.model.inputs:
        source.spikes = {t: s for t, s in source.spikes.items() if t in source.permanent}
    with quiet_build():
        simulator.sims["emulator"] = EmulatorInterface(simulator.model, seed=seed)
    simulator._runner = StepRunner(
        simulator.model, simulator.sims, simulator.precompute, simulator.timers
    )
    simulator._n_steps, simulator._time = 0, 0
    simulator.clear_probes()
