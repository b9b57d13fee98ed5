"""The parameters of a feed-forward network, and the one file they live in."""

import hashlib
import json
import math
import numbers
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .files import whole_file
from .layers import from_dict, shapes, to_dict

FORMAT = "nengo-pc parameters"
VERSION = 1
# What NumPy raises on files that are not whole, not its own, or not to be trusted.
UNREADABLE = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def is_positive(value):
    """Whether ``value`` is a finite real number above 0."""
    return isinstance(value, numbers.Real) and bool(np.isfinite(value)) and value > 0


def is_at_least_0(value):
    """Whether ``value`` is a finite real number, not below 0, and not a bool."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and value >= 0


@dataclass(frozen=True)
class LIFConstants:
    """Constants of the LIF neurons that parameters were made for.

    Parameters
    ----------
    tau_rc, tau_ref : float
        Membrane time constant and refractory period in s.
    amplitude : float
        What one spike carries, in s: the activation is ``amplitude`` times the rate in Hz. With
        0.05 the activation is close to a rectified line of slope 1 on [0, 10].
    """

    tau_rc: float = 0.02
    tau_ref: float = 0.004
    amplitude: float = 0.05

    def __post_init__(self):
        for name in ("tau_rc", "tau_ref", "amplitude"):
            value = getattr(self, name)
            if not is_positive(value):
                raise ValidationError(f"must be a positive number, got {value!r}", name, self)

    def spiking(self):
        """The spiking neuron type, started from rest."""
        return nengo.LIF(
            tau_rc=self.tau_rc,
            tau_ref=self.tau_ref,
            amplitude=self.amplitude,
            initial_state={"voltage": nengo.dists.Choice([0])},
        )


@dataclass(frozen=True, eq=False)
class Parameters:
    """Weights and biases of a feed-forward network, with all that is needed to run it.

    Parameters
    ----------
    input_shape : tuple of int
        ``(n,)`` or ``(height, width, channels)``.
    layers : tuple of layers
        From `nengo_pc.networks`: `Dense`, `Convolution`, `AveragePooling`; the last is the linear
        read-out.
    weights, biases : tuple of ndarray
        One each per layer, float32, None for a layer that has none. Currents into a hidden layer
        are ``J = W a + b``, with the threshold of a LIF neuron at 1.
    neuron : LIFConstants
    metadata : dict
        JSON-able: how the parameters came about.

    Raises
    ------
    nengo.exceptions.ValidationError
        If shapes do not fit or a value is not finite.
    """

    input_shape: tuple
    layers: tuple
    weights: tuple
    biases: tuple
    neuron: LIFConstants = LIFConstants()
    metadata: dict = field(default_factory=dict)

    def __post_init__(self):
        set_ = object.__setattr__
        set_(self, "input_shape", tuple(int(n) for n in self.input_shape))
        set_(self, "layers", tuple(self.layers))
        if not self.layers or not self.layers[-1].has_weights:
            raise ValidationError("the last layer must have weights", "layers", self)
        for name in ("weights", "biases"):
            values = tuple(getattr(self, name))
            if len(values) != len(self.layers):
                raise ValidationError(
                    f"must be one per layer ({len(self.layers)}), got {len(values)}",
                    name,
                    self,
                )
            set_(self, name, tuple(None if v is None else np.asarray(v, "f4") for v in values))
        for i, (layer, below) in enumerate(zip(self.layers, self.shapes)):
            if not layer.has_weights:
                continue
            wanted = {
                "weights": layer.weight_shape(below),
                "biases": layer.bias_shape(below),
            }
            for name, shape in wanted.items():
                value = getattr(self, name)[i]
                if value is None or value.shape != shape:
                    given = None if value is None else value.shape
                    raise ValidationError(
                        f"layer {i} ({layer}) needs shape {shape}, got {given}", name, self
                    )
                if not np.all(np.isfinite(value)):
                    raise ValidationError(f"layer {i} ({layer}) holds NaN or infinity", name, self)

    def __str__(self):
        return "-".join([str(int(np.prod(self.input_shape))), *map(str, self.layers)])

    @property
    def shapes(self):
        """Shapes from the input to the output, one more than layers."""
        return shapes(self.input_shape, self.layers)

    @property
    def n_parameters(self):
        """How many weights and biases there are."""
        return sum(v.size for v in (*self.weights, *self.biases) if v is not None)

    def fan_outs(self):
        """Connections from each pixel and from each neuron, through pooling.

        Returns
        -------
        list of ndarray
            One of shape ``(n,)`` for the input and one for each hidden layer of neurons.
        """
        result = []
        for layer, below in reversed(list(zip(self.layers, self.shapes))):
            if layer.has_weights:
                result.insert(0, layer.fan_out(below))
            else:
                result[0] = layer.fan_out_through(result[0], below)
        return result

    def digest(self):
        """SHA-256 of layers, constants and values, in hexadecimal: equal for equal networks."""
        digest = hashlib.sha256(repr((self.input_shape, self.layers, self.neuron)).encode())
        for array in (*self.weights, *self.biases):
            if array is not None:
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def with_metadata(self, **metadata):
        """The same parameters with more metadata."""
        return replace(self, metadata={**self.metadata, **metadata})

    @classmethod
    def random(cls, input_shape, layers, neuron=None, seed=0):
        """Initial parameters: He-normal weights, output weights Glorot-normal, biases at threshold.

        He et al. 2015, https://arxiv.org/abs/1502.01852: variance ``2 / fan_in``. Hidden biases
        are 1, the threshold of a LIF neuron, so that half the neurons start active.
        """
        neuron = LIFConstants() if neuron is None else neuron
        rng = np.random.default_rng(seed)
        weights, biases = [], []
        for i, (layer, below) in enumerate(zip(layers, shapes(input_shape, layers))):
            if not layer.has_weights:
                weights.append(None)
                biases.append(None)
                continue
            last = i == len(layers) - 1
            shape = layer.weight_shape(below)
            fan_in = layer.fan_in(below)
            variance = 2 / (fan_in + layer.bias_shape(below)[0]) if last else 2 / fan_in
            weights.append(rng.normal(0, np.sqrt(variance), shape))
            biases.append(np.full(layer.bias_shape(below), 0.0 if last else 1.0))
        return cls(input_shape, layers, weights, biases, neuron)

    def save(self, path):
        """Write one ``.npz`` file, whole or not at all."""
        description = {
            "format": FORMAT,
            "version": VERSION,
            "input_shape": self.input_shape,
            "layers": [to_dict(layer) for layer in self.layers],
            "neuron": vars(self.neuron),
            "metadata": self.metadata,
        }
        arrays = {"description": np.array(json.dumps(description))}
        for i, (weights, bias) in enumerate(zip(self.weights, self.biases)):
            if weights is not None:
                arrays[f"weights_{i}"] = weights
                arrays[f"bias_{i}"] = bias
        # A stream, since NumPy would add its suffix to a name without one.
        with whole_file(path) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. Pickled objects are refused, never loaded.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        nengo.exceptions.ValidationError
            If the file is not one of these, is truncated, or holds pickled objects.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no parameters file at {path}")

        def refuse(reason):
            return ValidationError(f"{path}: {reason}", "path", cls)

        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except UNREADABLE as error:
            raise refuse(
                f"truncated, holds pickled objects, or is not an .npz file ({error})"
            ) from error
        try:
            description = json.loads(str(arrays.pop("description")))
            if description["format"] != FORMAT:
                raise refuse(f"its format is {description['format']!r}, not {FORMAT!r}")
            if description["version"] != VERSION:
                raise refuse(
                    f"version {description['version']}, this package reads version {VERSION}"
                )
            layers = tuple(from_dict(d) for d in description["layers"])
            return cls(
                description["input_shape"],
                layers,
                [arrays.get(f"weights_{i}") for i in range(len(layers))],
                [arrays.get(f"bias_{i}") for i in range(len(layers))],
                LIFConstants(**description["neuron"]),
                description["metadata"],
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ValidationError):
                raise
            raise refuse(f"not a parameters file of nengo-pc ({error!r})") from error
