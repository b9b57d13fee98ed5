"""The linear map of a layer in TensorFlow, with its transpose and its product rule.

All act on minibatches. Pooling has no weights, so that it belongs to the map of the layer above
it.
"""

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.networks import Convolution

tf = import_tensorflow()


class DenseMap:
    """``W a`` for ``a`` of any shape, flattened.

    Parameters
    ----------
    layer : nengo_pc.networks.Dense
    input_shape : tuple of int
    """

    axes = (0,)  # of a minibatch, without the units

    def __init__(self, layer, input_shape):
        self.input_shape = tuple(input_shape)

    def forward(self, weights, a):
        """``W a``, shape ``(n, units)``."""
        return tf.matmul(self._flat(a), weights, transpose_b=True)

    def transposed(self, weights, delta):
        """``Wᵀ delta``, shape ``(n, *input_shape)``."""
        return tf.reshape(tf.matmul(delta, weights), (-1, *self.input_shape))

    def product(self, delta, a):
        """``Σ delta aᵀ`` over the minibatch, of the shape of the weights."""
        return tf.matmul(delta, self._flat(a), transpose_a=True)

    def _flat(self, a):
        return tf.reshape(a, (-1, a.shape[1:].num_elements()))


class ConvolutionMap:
    """The convolution of a `nengo_pc.networks.Convolution`, in the same terms."""

    axes = (0, 1, 2)

    def __init__(self, layer, input_shape):
        self.input_shape = tuple(input_shape)
        self.kernel_size = layer.kernel_size
        self.options = {"strides": [1, *layer.strides, 1], "padding": layer.padding.upper()}

    def forward(self, weights, a):
        """The image convolved, shape ``(n, height, width, filters)``."""
        return tf.nn.conv2d(a, weights, **self.options)

    def transposed(self, weights, delta):
        """The transpose of `forward`, shape ``(n, *input_shape)``."""
        shape = (tf.shape(delta)[0], *self.input_shape)
        return tf.nn.conv2d_transpose(delta, weights, shape, **self.options)

    def product(self, delta, a):
        """The gradient of ``<delta, forward(weights, a)>``, of the shape of the weights."""
        kernel = (*self.kernel_size, a.shape[-1], delta.shape[-1])
        return tf.compat.v1.nn.conv2d_backprop_filter(a, kernel, delta, **self.options)


class PoolingMap:
    """Average pooling, then another map."""

    def __init__(self, pooling, input_shape, above):
        self.input_shape = tuple(input_shape)
        self.size = pooling.size
        self.above = above
        self.axes = above.axes

    def forward(self, weights, a):
        """Pool, then map."""
        return self.above.forward(weights, self._pool(a))

    def transposed(self, weights, delta):
        """The transpose of `forward`."""
        blocks = self.above.transposed(weights, delta)
        rows, columns = self.size
        spread = tf.repeat(tf.repeat(blocks, rows, axis=1), columns, axis=2) / (rows * columns)
        missing = [n - m for n, m in zip(self.input_shape[:2], spread.shape[1:3])]
        return tf.pad(spread, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)])

    def product(self, delta, a):
        """The product of the map above with what it gets."""
        return self.above.product(delta, self._pool(a))

    def _pool(self, a):
        return tf.nn.avg_pool2d(a, self.size, self.size, "VALID")


def linear_maps(parameters):
    """The map of every layer of weights, and the index of its layer, from the input up.

    Parameters
    ----------
    parameters : Parameters

    Returns
    -------
    list of (int, map)
    """
    result, pooling = [], []
    for i, (layer, below) in enumerate(zip(parameters.layers, parameters.shapes)):
        if not layer.has_weights:
            pooling.append((layer, below))
            continue
        kind = ConvolutionMap if isinstance(layer, Convolution) else DenseMap
        this = kind(layer, below)
        for pool, shape in reversed(pooling):
            this = PoolingMap(pool, shape, this)
        pooling = []
        result.append((i, this))
    return result
