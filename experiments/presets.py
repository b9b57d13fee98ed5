"""Networks and training settings that were chosen on the validation split (docs/results.md)."""

from dataclasses import replace

from nengo.exceptions import ValidationError

from nengo_pc.learning import TrainingOptions
from nengo_pc.networks import Convolution, Dense

NETWORKS = ("mlp", "conv")
HIDDEN = (300, 300)


def preset(network, dataset, hidden=None, method="nengodl"):
    """Layers and training options for a network by name.

    Parameters
    ----------
    network : {"mlp", "conv"}
    dataset : nengo_pc.datasets.Dataset
    hidden : sequence of int, optional
        Units of the dense hidden layers: 300 and 300 for "mlp"; for "conv" those above the
        convolutions.
    method : str
        One of `nengo_pc.learning.rule_options.METHODS`.

    Returns
    -------
    layers : list
        Of `nengo_pc.networks`, the read-out last.
    options : TrainingOptions

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such network.
    """
    if network not in NETWORKS:
        raise ValidationError(f"must be one of {', '.join(NETWORKS)}, got {network!r}", "network")
    large = min(dataset.image_shape[:2]) >= 16
    if network == "mlp":
        layers = [Dense(units) for units in (HIDDEN if hidden is None else hidden)]
        options = TrainingOptions(epochs=40)
    else:
        convolutions = (
            [Convolution(48, 5, 2), Convolution(96, 3, 2)]
            if large
            else [Convolution(32, 3), Convolution(64, 3, 2)]
        )
        layers = convolutions + [Dense(units) for units in ((256,) if hidden is None else hidden)]
        options = TrainingOptions(epochs=20, batch_size=125, input_dropout=0.0, shift=2)
    if not large:
        # A thousand images of 8x8: smaller minibatches, more epochs, at most a pixel's shift.
        options = replace(options, epochs=60, batch_size=50, shift=min(options.shift, 1))
    return [*layers, Dense(dataset.n_classes)], replace(options, method=method)
