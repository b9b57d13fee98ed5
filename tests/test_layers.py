import json

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from scipy.signal import correlate2d

from nengo_pc.networks import AveragePooling, Convolution, Dense
from nengo_pc.networks.layers import from_dict, shapes, to_dict

IMAGE = (7, 6, 2)
CONVOLUTIONS = [
    Convolution(3, 3),
    Convolution(2, (2, 5)),
    Convolution(3, 3, strides=2),
    Convolution(2, 2, strides=(3, 1)),
    Convolution(2, 1, strides=2),
    Convolution(3, 3, padding="same"),
    Convolution(2, (4, 3), padding="same"),
    Convolution(2, 3, strides=2, padding="same"),
    Convolution(3, (2, 5), strides=(3, 2), padding="same"),
    Convolution(1, 1, strides=3, padding="same"),
    Convolution(1, 9, padding="same"),
]


def named(layers):
    return pytest.mark.parametrize("layer", layers, ids=[f"{v}-{v.padding}" for v in layers])


def ones(layer, shape):
    return np.ones(layer.weight_shape(shape))


def window_starts(n, kernel, stride, padding):
    """Where kernels start along one axis, as TensorFlow defines "VALID" and "SAME"."""
    if padding == "valid":
        return np.arange(0, n - kernel + 1, stride)
    n_out = -(-n // stride)
    total = max((n_out - 1) * stride + kernel - n, 0)
    return np.arange(n_out) * stride - total // 2


# Closed forms


@pytest.mark.parametrize("input_shape", [(12,), (4, 3, 1), (2, 2, 3)])
def test_dense_by_hand(input_shape):
    layer = Dense(5)
    assert layer.output_shape(input_shape) == (5,)
    assert layer.weight_shape(input_shape) == (5, 12)
    assert layer.bias_shape(input_shape) == (5,)
    assert layer.fan_in(input_shape) == 12
    np.testing.assert_array_equal(layer.fan_out(input_shape), [5] * 12)


@named(CONVOLUTIONS)
def test_convolution_shapes(layer):
    rows, columns = (
        len(window_starts(n, k, s, layer.padding))
        for n, k, s in zip(IMAGE, layer.kernel_size, layer.strides)
    )
    assert layer.output_shape(IMAGE) == (rows, columns, layer.filters)
    assert layer.weight_shape(IMAGE) == (*layer.kernel_size, 2, layer.filters)
    assert layer.bias_shape(IMAGE) == (layer.filters,)
    assert layer.fan_in(IMAGE) == layer.kernel_size[0] * layer.kernel_size[1] * 2


def test_a_size_is_one_number_or_two():
    assert Convolution(2, 3, strides=2) == Convolution(2, (3, 3), [2, 2])
    assert AveragePooling(np.int64(3)) == AveragePooling((3, 3))
    assert Convolution(2, (3, 2)) != Convolution(2, (2, 3))


def test_pooling_by_hand():
    layer = AveragePooling((2, 3))
    # Of 5 x 7 pixels, two rows and two columns of blocks cover the first 4 x 6.
    assert layer.output_shape((5, 7, 2)) == (2, 2, 2)
    covered = np.zeros((5, 7, 2), int)
    covered[:4, :6] = 1
    np.testing.assert_array_equal(layer.fan_out((5, 7, 2)), covered.ravel())
    above = np.arange(8) + 1
    through = layer.fan_out_through(above, (5, 7, 2)).reshape(5, 7, 2)
    for row, column, channel in np.ndindex(5, 7, 2):
        inside = row < 4 and column < 6
        block = ((row // 2) * 2 + column // 3) * 2 + channel
        assert through[row, column, channel] == (above[block] if inside else 0)


def test_shapes_of_a_stack():
    layers = [Convolution(4, 3), AveragePooling(2), Convolution(6, 2, padding="same"), Dense(10)]
    assert shapes((8, 9, 1), layers) == [(8, 9, 1), (6, 7, 4), (3, 3, 4), (3, 3, 6), (10,)]


# Brute force: Nengo itself, one input at a time


@named(CONVOLUTIONS)
def test_convolution_fan_out_counts_what_nengo_connects(layer, matrix_of):
    matrix = matrix_of(layer.transform(ones(layer, IMAGE), IMAGE), int(np.prod(IMAGE)))
    np.testing.assert_array_equal(layer.fan_out(IMAGE), np.count_nonzero(matrix, axis=0))
    if layer.padding == "valid":
        # Every connection is a fan-out of its start and a fan-in of its end.
        np.testing.assert_array_equal(np.count_nonzero(matrix, axis=1), layer.fan_in(IMAGE))


def test_dense_fan_out_counts_what_nengo_connects(matrix_of):
    matrix = matrix_of(Dense(4).transform(np.ones((4, 6)), (3, 2, 1)), 6)
    np.testing.assert_array_equal(Dense(4).fan_out((3, 2, 1)), np.count_nonzero(matrix, axis=0))


@pytest.mark.parametrize("above", [Convolution(3, 2), Dense(5)], ids=str)
@pytest.mark.parametrize("shape", [(4, 6, 2), (5, 7, 1)], ids=str)
def test_fan_out_through_pooling_counts_what_nengo_connects(shape, above, matrix_of):
    pooling = AveragePooling(2)
    pooled = pooling.output_shape(shape)
    n, n_pooled = int(np.prod(shape)), int(np.prod(pooled))
    matrix = matrix_of(above.transform(ones(above, pooled), pooled), n_pooled)
    matrix = matrix @ matrix_of(pooling.transform(None, shape), n)
    np.testing.assert_array_equal(
        pooling.fan_out_through(above.fan_out(pooled), shape), np.count_nonzero(matrix, axis=0)
    )


@pytest.mark.parametrize("size", [2, (3, 1), (1, 4), 5], ids=str)
def test_pooling_is_the_mean_of_blocks(size, matrix_of):
    layer, shape = AveragePooling(size), (6, 5, 3)
    image = np.random.default_rng(1).normal(size=shape)
    rows, columns = layer.size
    means = [
        [
            image[r : r + rows, c : c + columns].mean(axis=(0, 1))
            for c in range(0, 5 - columns + 1, columns)
        ]
        for r in range(0, 6 - rows + 1, rows)
    ]
    result = matrix_of(layer.transform(None, shape), image.size) @ image.ravel()
    np.testing.assert_allclose(result.reshape(layer.output_shape(shape)), means, atol=1e-12)


# Other implementations


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolution_is_scipys_correlation(padding, matrix_of):
    rng = np.random.default_rng(2)
    layer = Convolution(3, (3, 5), padding=padding)
    image, kernels = rng.normal(size=IMAGE), rng.normal(size=layer.weight_shape(IMAGE))
    wanted = [
        sum(correlate2d(image[..., c], kernels[..., c, f], mode=padding) for c in range(2))
        for f in range(3)
    ]
    matrix = matrix_of(layer.transform(kernels, IMAGE), image.size)
    result = (matrix @ image.ravel()).reshape(layer.output_shape(IMAGE))
    np.testing.assert_allclose(result, np.moveaxis(wanted, 0, -1), atol=1e-12)


@named(CONVOLUTIONS)
def test_convolution_is_loops_over_windows(layer, matrix_of):
    rng = np.random.default_rng(3)
    image, kernels = rng.normal(size=IMAGE), rng.normal(size=layer.weight_shape(IMAGE))
    (height, width), (strides, padding) = layer.kernel_size, (layer.strides, layer.padding)
    margin = 10
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    wanted = [
        [
            np.tensordot(
                padded[r + margin : r + margin + height, c + margin : c + margin + width],
                kernels,
                3,
            )
            for c in window_starts(IMAGE[1], width, strides[1], padding)
        ]
        for r in window_starts(IMAGE[0], height, strides[0], padding)
    ]
    matrix = matrix_of(layer.transform(kernels, IMAGE), image.size)
    result = (matrix @ image.ravel()).reshape(layer.output_shape(IMAGE))
    np.testing.assert_allclose(result, wanted, atol=1e-12)


# Invariants


@pytest.mark.parametrize(
    "layer", [*CONVOLUTIONS, Dense(7), AveragePooling((2, 3))], ids=lambda layer: repr(layer)
)
def test_a_layer_survives_json(layer):
    again = from_dict(json.loads(json.dumps(to_dict(layer))))
    assert again == layer
    assert type(again) is type(layer)
    assert again.output_shape(IMAGE) == layer.output_shape(IMAGE)


@pytest.mark.parametrize("layer", [Dense(3), Convolution(2, 3)], ids=str)
def test_weights_reach_nengo_unchanged(layer):
    weights = np.random.default_rng(4).normal(size=layer.weight_shape(IMAGE))
    with nengo.Network():
        transform = layer.transform(weights, IMAGE)
    np.testing.assert_array_equal(transform.init, weights)


# Bad input

BAD = [
    (lambda: Dense(0), "units"),
    (lambda: Dense(-1), "units"),
    (lambda: Dense(2.0), "units"),
    (lambda: Dense("3"), "units"),
    (lambda: Dense(True), "units"),
    (lambda: Dense(None), "units"),
    (lambda: Convolution(0), "filters"),
    (lambda: Convolution(1.5), "filters"),
    (lambda: Convolution(2, 0), "kernel_size"),
    (lambda: Convolution(2, 2.5), "kernel_size"),
    (lambda: Convolution(2, (1, 2, 3)), "kernel_size"),
    (lambda: Convolution(2, ()), "kernel_size"),
    (lambda: Convolution(2, 3, strides=0), "strides"),
    (lambda: Convolution(2, 3, strides=(1, -1)), "strides"),
    (lambda: Convolution(2, 3, padding="full"), "padding"),
    (lambda: Convolution(2, 3, padding=None), "padding"),
    (lambda: Convolution(2, (3, 5)).output_shape((4, 4, 1)), "kernel_size"),
    (lambda: Convolution(2, (5, 3)).fan_out((4, 4, 1)), "kernel_size"),
    (lambda: Convolution(2, 3).output_shape((16,)), "input_shape"),
    (lambda: Convolution(2, 3, padding="same").weight_shape((16,)), "input_shape"),
    (lambda: AveragePooling(0), "size"),
    (lambda: AveragePooling((2, 2, 2)), "size"),
    (lambda: AveragePooling(2).output_shape((16,)), "input_shape"),
    (lambda: shapes((4, 4, 1), [Dense(3), Convolution(2, 2)]), "input_shape"),
    (lambda: from_dict({"kind": "recurrent", "units": 3}), "kind"),
    (lambda: from_dict({"units": 3}), "kind"),
    (lambda: from_dict({"kind": "dense"}), "layers"),
    (lambda: from_dict({"kind": "dense", "units": 3, "rank": 1}), "layers"),
    (lambda: from_dict({"kind": "dense", "units": 0}), "units"),
]


@pytest.mark.parametrize("make, name", BAD)
def test_what_does_not_fit_is_named(make, name):
    with pytest.raises(ValidationError) as error:
        make()
    assert error.value.attr == name


@pytest.mark.parametrize("size", ["ab", None, float("nan"), True, ("a", 1)])
def test_a_size_of_another_type_is_named(size):
    with pytest.raises(ValidationError) as error:
        Convolution(2, size)
    assert error.value.attr == "kernel_size"


def test_same_convolution_of_a_flat_input_is_refused_in_words():
    with pytest.raises(ValidationError, match="needs an image"):
        Convolution(2, 3, padding="same").output_shape((16,))


def test_pooling_larger_than_the_image_is_named():
    with pytest.raises(ValidationError) as error:
        AveragePooling(3).output_shape((2, 5, 1))
    assert error.value.attr == "size"


def test_a_message_begins_with_the_layer():
    with pytest.raises(ValidationError, match=r"^Dense\.units"):
        Dense(0)
