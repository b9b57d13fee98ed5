"""On-line learning: images pass by, and a network that never stops learns from them."""

from dataclasses import asdict, dataclass

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.backends import Stepper
from nengo_pc.networks.parameters import is_positive

from .augmentation import shift


@dataclass(frozen=True)
class Stream:
    """How images follow one another.

    The target comes once the output answers to the image, and goes before the image does, so that
    an error is over when the next image comes.

    Parameters
    ----------
    presentation_time : float
        Of an image, in s. There is no pause, and nothing is reset between images.
    target_from, target_until : float
        When the target is shown, in s from the start of the image.
    shift : int
        Pixels by which images are moved at random, each time anew.
    dt : float
        In s.
    """

    presentation_time: float = 0.03
    target_from: float = 0.01
    target_until: float = 0.024
    shift: int = 0
    dt: float = 0.001

    def __post_init__(self):
        for name in ("presentation_time", "dt"):
            value = getattr(self, name)
            if not is_positive(value):
                raise ValidationError(f"must be a positive time in s, got {value!r}", name, self)
        if not 0 <= self.target_from < self.target_until <= self.presentation_time:
            raise ValidationError(
                f"must be 0 <= target_from < target_until <= {self.presentation_time}, got "
                f"{self.target_from} and {self.target_until}",
                "target_from",
                self,
            )
        if isinstance(self.shift, bool) or self.shift != int(self.shift) or self.shift < 0:
            raise ValidationError(f"must be a whole number, got {self.shift!r}", "shift", self)

    def steps(self, seconds):
        """A time in steps."""
        return int(round(seconds / self.dt))

    def to_dict(self):
        """As a dict that JSON has."""
        return asdict(self)

    def inputs(self, network, images, labels, minibatch_size=1):
        """What the Nodes of a network give out while images pass.

        Parameters
        ----------
        network : nengo_pc.networks.PredictiveCoding
        images : (n, ...) ndarray
        labels : (n,) ndarray of int
        minibatch_size : int
            Images shown side by side: the first so many, then the next. Must divide n.

        Returns
        -------
        dict of {nengo.Node: ndarray}
            ``(minibatch_size, n / minibatch_size * steps, size)``.
        """
        n_steps = self.steps(self.presentation_time)
        pixels = images.reshape(-1, minibatch_size, network.input.size_out).swapaxes(0, 1)
        one_hot = np.eye(network.target.size_out, dtype="f4")[labels]
        wanted = one_hot.reshape(-1, minibatch_size, network.target.size_out).swapaxes(0, 1)
        shown = np.zeros(n_steps, "f4")
        shown[self.steps(self.target_from) : self.steps(self.target_until)] = 1
        clamp = np.tile(shown, pixels.shape[1])[None, :, None]
        data = {
            network.input: np.repeat(pixels, n_steps, axis=1),
            network.target: np.repeat(wanted, n_steps, axis=1) * clamp,
        }
        if network.clamp.size_in == 0:
            data[network.clamp] = np.repeat(clamp, minibatch_size, axis=0)
        return data

    def answers(self, outputs, n_images):
        """Answers to images, from what the output gave while their target was shown.

        Where values do not drive neurons (``drive="prediction"``) no target reaches the output,
        but weights change during a presentation, if little.

        Parameters
        ----------
        outputs : (minibatch_size, n_steps, n_classes) ndarray
        n_images : int

        Returns
        -------
        (n_images,) ndarray of int
            In the order of the images.
        """
        minibatch_size, _, n_classes = outputs.shape
        n_steps = self.steps(self.presentation_time)
        by_image = outputs.reshape(minibatch_size, -1, n_steps, n_classes)
        seen = by_image[:, :, self.steps(self.target_from) : self.steps(self.target_until)]
        return seen.mean(axis=2).argmax(axis=-1).T.reshape(n_images)


class OnlineLearner:
    """A network that learns from a stream of images.

    Parameters
    ----------
    network : nengo_pc.networks.PredictiveCoding
        With learning rules.
    stream : Stream, optional
    backend : {"native", "reference", "dl", "xla"}
    minibatch_size : int
        Streams side by side that share weights; on "native" and "xla".
    seed : int
        Of what is random while running, and of shifts.
    **options
        Of `nengo_pc.backends.Stepper`.

    Attributes
    ----------
    images_seen : int

    Raises
    ------
    nengo.exceptions.ValidationError
        If the network does not learn, or the backend does not do this.
    """

    def __init__(self, network, stream=None, backend="native", minibatch_size=1, seed=0, **options):
        if not network.learns:
            raise ValidationError("needs learning rules", "network", self)
        self.network, self.seed = network, seed
        self.stream = Stream() if stream is None else stream
        self.images_seen = 0
        self._names = {}
        before = list(network.probes)
        try:
            with network:
                self._output = nengo.Probe(network.output)
                for kind, populations in (("value", network.values), ("error", network.errors)):
                    for i, ensemble in enumerate(populations):
                        self._names[nengo.Probe(ensemble.neurons)] = (f"{kind} {i + 1}", ensemble)
            inputs = [network.input, network.target]
            inputs += [network.clamp] if network.clamp.size_in == 0 else []
            self.stepper = Stepper(
                network,
                inputs,
                backend,
                self.stream.dt,
                minibatch_size,
                {self._output: "all", **dict.fromkeys(self._names, "mean")},
                seed,
                **options,
            )
        finally:
            network.probes[:] = before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stepper.close()

    def learn(self, images, labels):
        """Show images one after another, or as many side by side as the minibatch has.

        Parameters
        ----------
        images : (n, height, width, channels) ndarray
        labels : (n,) ndarray of int

        Returns
        -------
        dict
            ``answers``: ``(n,)``, and ``spikes``: spikes per image of each population by name.
            For graded neurons the latter are outputs over amplitude, in the same unit.
        """
        size = self.stepper.minibatch_size
        if len(images) == 0 or len(images) % size:
            raise ValidationError(
                f"must be a multiple of the minibatch size {size}, got {len(images)}", "images"
            )
        rng = np.random.default_rng([self.seed, 0x5EED, self.images_seen])
        images = shift(images, self.stream.shift, rng)
        data = self.stream.inputs(self.network, images, labels, size)
        recorded = self.stepper.run(data)
        self.images_seen += len(images)
        spikes = {
            name: float(recorded[probe].mean(axis=0).sum())
            / ensemble.neuron_type.amplitude
            * self.stream.presentation_time
            for probe, (name, ensemble) in self._names.items()
        }
        answers = self.stream.answers(recorded[self._output], len(images))
        return {"answers": answers, "spikes": spikes}

    def parameters(self):
        """The parameters as they are now, as a `nengo_pc.networks.Parameters`."""
        weights = [self.stepper.weights(c) for c in self.network.forward]
        biases = [self.stepper.weights(c)[:, 0] for c in self.network.biases]
        start = self.network.parameters
        return type(start)(start.input_shape, start.layers, weights, biases, start.neuron)

    def feedback(self):
        """Feedback weights as they are now, in the layout of `nengo_pc.networks.feedback_weights`.

        Returns
        -------
        list of ndarray
            Those that do not learn are as they were.
        """
        result = []
        for connection in self.network.feedback:
            if connection.learning_rule_type is None:
                both = connection.transform.init
            else:
                both = self.stepper.weights(connection)
            result.append(both[:, : both.shape[1] // 2].T)
        return result

    def state(self):
        """All that learning depends on, to go on in another process, on "native" and "xla"."""
        return {"images_seen": np.array(self.images_seen), **self.stepper.state()}

    def set_state(self, state):
        """Go on from what `state` gave."""
        state = dict(state)
        self.images_seen = int(state.pop("images_seen"))
        self.stepper.set_state(state)
