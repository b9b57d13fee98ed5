"""Emitters of convolutions and transposed convolutions, in one and two dimensions."""

from nengo.builder.transforms import ConvInc, ConvTransposeInc
from nengo.exceptions import BuildError

from ..compatibility import import_tensorflow
from .registry import emits

tf = import_tensorflow()


@emits(ConvInc)
def emit_convolution(op, step):
    """Emit ``Y += convolution(W, X)``."""
    x, weights, strides = _prepared(op, step)
    _finish(op, step, tf.nn.conv2d(x, weights, strides, op.conv.padding.upper()))


@emits(ConvTransposeInc)
def emit_transposed_convolution(op, step):
    """Emit ``Y += transposed convolution(W, X)``: a convolution's gradient for its input."""
    x, weights, strides = _prepared(op, step)
    spatial = op.conv.output_shape.spatial_shape
    spatial = (1, *spatial) if op.conv.dimensions == 1 else spatial
    shape = (x.shape[0], *spatial, op.conv.n_filters)
    weights = tf.transpose(weights, (0, 1, 3, 2))
    padding = op.conv.padding.upper()
    _finish(op, step, tf.nn.conv2d_transpose(x, weights, shape, strides, padding))


def _prepared(op, step):
    """Return input ``(batch, rows, columns, channels)``, weights, strides: in two dimensions."""
    conv = op.conv
    if conv.dimensions > 2:
        raise BuildError(f"{conv}: convolutions may have 1 or 2 dimensions, got {conv.dimensions}")
    x = step.read_flat(op.X)
    x = tf.reshape(x, (*conv.input_shape.shape, x.shape[-1]))
    # One axis for each dimension, one for channels, the last for the minibatch.
    axes = list(range(conv.dimensions + 2))
    batch, channels = axes.pop(), axes.pop(-1 if conv.channels_last else 0)
    x = tf.transpose(x, (batch, *axes, channels))
    weights = step.read(op.W)[..., 0]
    if conv.dimensions == 1:
        return x[:, None], weights[None], [1, *conv.strides]
    return x, weights, list(conv.strides)


def _finish(op, step, y):
    """Add ``(batch, rows, columns, channels)`` to the output."""
    if op.conv.dimensions == 1:
        y = y[:, 0]
    batch, *axes, channels = range(op.conv.dimensions + 2)
    order = (*axes, channels) if op.conv.channels_last else (channels, *axes)
    y = tf.transpose(y, (*order, batch))
    step.inc(op.Y, tf.reshape(y, (*op.Y.shape, y.shape[-1])))
