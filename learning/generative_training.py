"""The training loop of generative networks."""

import time

import numpy as np
from tqdm import tqdm

from nengo_pc.backends.compatibility import import_tensorflow

from . import generative_dynamics as dynamics
from .trainer import TrainingDiverged

tf = import_tensorflow()

OPTIMIZERS = {"adam": tf.keras.optimizers.Adam, "sgd": tf.keras.optimizers.SGD}


def fit(network, images, epochs, batch_size, learning_rate, optimizer, progress):
    """Learn the weights: see `nengo_pc.learning.generative.RaoBallard.fit`.

    Parameters
    ----------
    network : RaoBallard
    images : ndarray, shape (n, n_0)
    epochs, batch_size : int
    learning_rate : float
    optimizer : str
        A key of ``OPTIMIZERS``.
    progress : bool

    Returns
    -------
    list of dict

    Raises
    ------
    TrainingDiverged
        If the free energy or a weight is no longer finite.
    """
    n_batches = len(images) // batch_size
    schedule = tf.keras.optimizers.schedules.CosineDecay(learning_rate, n_batches * epochs)
    keras = OPTIMIZERS[optimizer](schedule)
    keras.build(network.variables)
    update = tf.function(
        lambda batch: _update(network, batch, keras), jit_compile=True, autograph=False
    )
    history, good = [], network.weights
    with tqdm(
        total=n_batches * epochs, unit="batch", disable=not progress, dynamic_ncols=True
    ) as bar:
        for epoch in range(1, epochs + 1):
            bar.set_description(f"epoch {epoch}/{epochs}")
            start, total = time.perf_counter(), {}
            order = np.random.default_rng([network.seed, epoch]).permutation(len(images))
            for batch in order[: n_batches * batch_size].reshape(n_batches, -1):
                terms, finite = update(tf.constant(images[batch]))
                if not finite:
                    network.set_weights(good)
                    raise TrainingDiverged(
                        f"the free energy or a weight was no longer finite in epoch {epoch}: try "
                        f"a learning rate below {learning_rate:g}, or images of smaller values "
                        f"(the largest here is {np.abs(images).max():.3g})"
                    )
                for name, term in terms.items():
                    total[name] = total.get(name, 0.0) + float(term)
                bar.update()
            mean = {name: term / n_batches for name, term in total.items()}
            history.append(
                {
                    "epoch": epoch,
                    "free_energy": sum(mean.values()),
                    "terms": mean,
                    "seconds": time.perf_counter() - start,
                }
            )
            bar.set_postfix(free_energy=f"{history[-1]['free_energy']:.4g}")
            good = network.weights
    return history


def _update(network, images, keras):
    """One step of the weights: mean terms of F before it, and whether all stayed finite."""
    weights = [tf.convert_to_tensor(u) for u in network.variables]
    start = [tf.zeros((images.shape[0], n), images.dtype) for n in network.sizes[1:]]
    values = network.relaxed([images, *start], network.inference_steps)
    terms = dynamics.terms(network.model, weights, values)
    terms = {name: tf.reduce_mean(term) for name, term in terms.items()}
    gradients = dynamics.gradients(network.model, weights, values)
    along = [tangent(g, u, network.max_norm) for g, u in zip(gradients, weights)]
    keras.apply_gradients(zip(along, network.variables))
    for u in network.variables:
        u.assign(u * (network.max_norm / tf.maximum(tf.norm(u, axis=0), network.max_norm)))
    sums = [*terms.values(), *(tf.reduce_sum(u) for u in network.variables)]
    return terms, tf.reduce_all(tf.math.is_finite(tf.stack(sums)))


def tangent(gradient, u, max_norm):
    """The gradient without what would lengthen columns that are as long as they may be.

    That part would be undone anyway; but an optimizer that scales every weight by itself, as Adam
    does, would turn it into one that is not, and come to rest elsewhere than at the minimum.

    Parameters
    ----------
    gradient, u : (n_below, n) tensor
    max_norm : float

    Returns
    -------
    (n_below, n) tensor
    """
    squares = tf.reduce_sum(u**2, axis=0)
    radial = tf.reduce_sum(gradient * u, axis=0)
    # A length of max_norm, but for rounding.
    bound = tf.logical_and(squares > (1 - 1e-4) * max_norm**2, radial < 0)
    return gradient - u * tf.where(bound, radial / tf.maximum(squares, 1e-30), 0 * radial)
