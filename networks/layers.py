"""Layers of a feed-forward network: shapes, Nengo transforms and fan-out, without any state.

Images are ``(height, width, channels)``, flattened in that order, as ``nengo.Convolution`` has
them with ``channels_last=True``.
"""

from dataclasses import asdict, dataclass
from typing import ClassVar

import nengo
import numpy as np
from nengo.exceptions import ValidationError


def _is_positive_int(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1


def _pair(value, name, obj):
    """``value``, a positive int or a pair of them, as a pair."""
    pair = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value, value)
    if len(pair) != 2 or not all(_is_positive_int(v) for v in pair):
        raise ValidationError(f"must be a positive int or two of them, got {value!r}", name, obj)
    return tuple(int(v) for v in pair)


def _positive(value, name, obj):
    if not _is_positive_int(value):
        raise ValidationError(f"must be a positive int, got {value!r}", name, obj)
    return int(value)


def _image_shape(shape, obj):
    if len(shape) != 3:
        raise ValidationError(
            f"needs an image (height, width, channels) below it, got shape {tuple(shape)}",
            "input_shape",
            obj,
        )
    return shape


@dataclass(frozen=True)
class Dense:
    """All-to-all connections onto ``units`` neurons."""

    kind: ClassVar[str] = "dense"
    has_weights: ClassVar[bool] = True

    units: int

    def __post_init__(self):
        object.__setattr__(self, "units", _positive(self.units, "units", self))

    def __str__(self):
        return str(self.units)

    def output_shape(self, input_shape):
        """Shape of the layer, ``(units,)``."""
        return (self.units,)

    def weight_shape(self, input_shape):
        """Shape of the weights, ``(units, n_inputs)``."""
        return (self.units, int(np.prod(input_shape)))

    def bias_shape(self, input_shape):
        """Shape of the bias, ``(units,)``."""
        return (self.units,)

    def fan_in(self, input_shape):
        """Connections onto each neuron."""
        return int(np.prod(input_shape))

    def fan_out(self, input_shape):
        """Connections from each input, shape ``(n_inputs,)``."""
        return np.full(int(np.prod(input_shape)), self.units)

    def transform(self, weights, input_shape):
        """The Nengo transform that applies ``weights``."""
        return nengo.Dense(self.weight_shape(input_shape), init=weights)


@dataclass(frozen=True)
class Convolution:
    """``filters`` kernels slid over an image; strides above 1 pool while they convolve.

    Parameters
    ----------
    filters : int
        Output channels.
    kernel_size, strides : int or (int, int)
        Rows and columns.
    padding : {"valid", "same"}
    """

    kind: ClassVar[str] = "convolution"
    has_weights: ClassVar[bool] = True

    filters: int
    kernel_size: tuple = (3, 3)
    strides: tuple = (1, 1)
    padding: str = "valid"

    def __post_init__(self):
        object.__setattr__(self, "filters", _positive(self.filters, "filters", self))
        object.__setattr__(self, "kernel_size", _pair(self.kernel_size, "kernel_size", self))
        object.__setattr__(self, "strides", _pair(self.strides, "strides", self))
        if self.padding not in ("valid", "same"):
            raise ValidationError(
                f"must be 'valid' or 'same', got {self.padding!r}", "padding", self
            )

    def __str__(self):
        rows, columns = self.kernel_size
        stride = "" if self.strides == (1, 1) else f"s{self.strides[0]}"
        return f"conv{self.filters}({rows}x{columns}{stride})"

    def output_shape(self, input_shape):
        """Shape ``(height, width, filters)``."""
        _image_shape(input_shape, self)
        if self.padding == "valid" and any(k > n for k, n in zip(self.kernel_size, input_shape)):
            raise ValidationError(
                f"a kernel of {self.kernel_size} does not fit into an image of {input_shape[:2]}",
                "kernel_size",
                self,
            )
        return tuple(self.transform(None, input_shape).output_shape.shape)

    def weight_shape(self, input_shape):
        """Shape of the kernels, ``(rows, columns, input channels, filters)``."""
        return (*self.kernel_size, _image_shape(input_shape, self)[-1], self.filters)

    def bias_shape(self, input_shape):
        """One bias per filter, ``(filters,)``."""
        return (self.filters,)

    def fan_in(self, input_shape):
        """Connections onto each neuron away from the border."""
        return int(np.prod(self.weight_shape(input_shape)[:-1]))

    def fan_out(self, input_shape):
        """Connections from each input, shape ``(n_inputs,)``: fewer at the border."""
        # How many kernel positions see each row and each column is separable.
        rows, columns = (
            self._positions(n, out, k, s)
            for n, out, k, s in zip(
                input_shape, self.output_shape(input_shape), self.kernel_size, self.strides
            )
        )
        counts = np.outer(rows, columns)[..., None] * np.full(input_shape[-1], self.filters)
        return counts.ravel()

    def _positions(self, n_in, n_out, kernel, stride):
        """For each of ``n_in`` inputs along one axis: how many of ``n_out`` outputs see it."""
        padding = 0
        if self.padding == "same":
            padding = max((n_out - 1) * stride + kernel - n_in, 0) // 2
        seen = np.zeros(n_in, dtype=int)
        for start in np.arange(n_out) * stride - padding:
            seen[max(start, 0) : start + kernel] += 1
        return seen

    def transform(self, weights, input_shape):
        """The Nengo transform that applies ``weights`` (None: Nengo's random ones)."""
        init = {} if weights is None else {"init": weights}
        return nengo.Convolution(
            self.filters,
            input_shape,
            kernel_size=self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            **init,
        )


@dataclass(frozen=True)
class AveragePooling:
    """The mean over non-overlapping blocks of ``size``: no neurons, no parameters."""

    kind: ClassVar[str] = "average_pooling"
    has_weights: ClassVar[bool] = False

    size: tuple = (2, 2)

    def __post_init__(self):
        object.__setattr__(self, "size", _pair(self.size, "size", self))

    def __str__(self):
        return f"pool{self.size[0]}"

    def _convolution(self, input_shape):
        channels = _image_shape(input_shape, self)[-1]
        return Convolution(channels, self.size, strides=self.size)

    def output_shape(self, input_shape):
        """Shape ``(height // size, width // size, channels)``."""
        if any(k > n for k, n in zip(self.size, _image_shape(input_shape, self))):
            raise ValidationError(
                f"a block of {self.size} does not fit into an image of {input_shape[:2]}",
                "size",
                self,
            )
        return self._convolution(input_shape).output_shape(input_shape)

    def fan_out(self, input_shape):
        """One connection from each input that a block covers, shape ``(n_inputs,)``."""
        convolution = self._convolution(input_shape)
        return convolution.fan_out(input_shape) // convolution.filters

    def fan_out_through(self, above, input_shape):
        """Connections that each input reaches through its block, given those of the blocks.

        Parameters
        ----------
        above : (n_outputs,) ndarray
            Connections from each block to the next layer.

        Returns
        -------
        (n_inputs,) ndarray
            0 for an input that no block covers.
        """
        height, width, channels = self.output_shape(input_shape)
        blocks = np.kron(above.reshape(height, width, channels), np.ones((*self.size, 1), int))
        missing = [(0, n - m) for n, m in zip(input_shape, blocks.shape)]
        return np.pad(blocks, missing).ravel()

    def transform(self, weights, input_shape):
        """The Nengo transform; ``weights`` is not used."""
        rows, columns = self.size
        kernel = np.ones((rows, columns, 1, 1)) / (rows * columns) * np.eye(input_shape[-1])
        return self._convolution(input_shape).transform(kernel, input_shape)


LAYERS = {layer.kind: layer for layer in (Dense, Convolution, AveragePooling)}


def to_dict(layer):
    """A layer as a JSON-able dict."""
    return {"kind": layer.kind, **asdict(layer)}


def from_dict(description):
    """The layer that `to_dict` described."""
    options = dict(description)
    kind = options.pop("kind", None)
    if kind not in LAYERS:
        raise ValidationError(f"must be one of {', '.join(LAYERS)}, got {kind!r}", "kind")
    try:
        return LAYERS[kind](**options)
    except TypeError as error:
        raise ValidationError(f"a {kind} layer does not fit {options}: {error}", "layers") from None


def shapes(input_shape, layers):
    """Shapes from the input to the last layer: ``len(layers) + 1`` tuples.

    Raises
    ------
    nengo.exceptions.ValidationError
        If a layer does not fit on what is below it.
    """
    if len(input_shape) == 0 or not all(_is_positive_int(n) for n in input_shape):
        raise ValidationError(f"must be positive ints, got {input_shape!r}", "input_shape")
    result = [tuple(int(n) for n in input_shape)]
    for layer in layers:
        result.append(layer.output_shape(result[-1]))
    return result
