"""Figures of relaxation: energy along it, in equations and in a network of populations."""

import nengo
import numpy as np

from nengo_pc.analysis.plot_relaxation import relaxation, settling
from nengo_pc.backends import Simulator
from nengo_pc.networks import PredictiveCoding

from .learning import options
from .setting import Drawn

STEP = 0.02  # of the values, in their time constants; larger ones overshoot without batch norm
N_STEPS = 300
N_IMAGES = 50
DT = 0.001  # s
TARGET = (0.1, 0.6)  # s, from and to
DURATION = 0.8  # s
TAU_VALUE = DT / STEP  # s


def relaxation_energy(study):
    """Energy along relaxation with the target clamped, before and after training."""
    split = study.dataset.validation
    images, labels = split.images[:N_IMAGES], split.labels[:N_IMAGES]
    states = {"before training": study.start(), "after training": study.classifier}
    panels, numbers = {}, {"images": len(images), "step": STEP}
    for title, parameters in states.items():
        terms = relax_with_terms(parameters, images, labels, options(study), N_STEPS, STEP)
        panels[title] = terms
        total = terms["total"]
        numbers[title] = {
            "start": float(total[0]),
            "end": float(total[-1]),
            "largest_rise_of_a_step": float(max(np.diff(total).max(), 0.0)),
            "end_by_term": {name: float(values[-1]) for name, values in terms.items()},
        }
    before, after = (numbers[title] for title in states)
    caption = (
        "Energy F = Σ ½|e_l|² + loss along relaxation with the target clamped, mean of "
        f"{len(images)} validation images: the values of the hidden layers descend F, by steps of "
        f"{STEP:g} time constants. At first all error is at the output, and F is the loss of the "
        "feed-forward network; then hidden values take a share of it. F falls from "
        f"{before['start']:.2f} to {before['end']:.2f} nats before training, and from "
        f"{after['start']:.3f} to {after['end']:.3f} after it (mind the scale)."
    )
    return Drawn(relaxation(STEP * np.arange(N_STEPS + 1), panels), caption, numbers)


def relax_with_terms(parameters, images, labels, training_options, n_steps, rate):
    """Relax values by Euler's method and give the energy's terms at every step.

    Parameters
    ----------
    parameters : Parameters
    images : ndarray, shape (n, ...)
    labels : ndarray of int, shape (n,)
    training_options : TrainingOptions
        Activation, loss and feedback.
    n_steps : int
    rate : float
        Size of a step in time constants.

    Returns
    -------
    dict of str to ndarray, each of shape (n_steps + 1,)
        Mean over images, in nats: ``layer 1``, ..., ``output`` (the loss) and ``total``.
    """
    from nengo_pc.backends.compatibility import import_tensorflow
    from nengo_pc.learning.chain import Batch, Chain
    from nengo_pc.learning.rules.relaxation import velocities, weighted_errors

    tf = import_tensorflow()
    chain = Chain(parameters, training_options)
    no_noise = [None] * (chain.n_layers - 1)
    batch = Batch(
        tf.reshape(tf.cast(images, chain.dtype), (-1, *parameters.shapes[0])),
        tf.one_hot(labels, chain.shapes[-1][0], dtype=chain.dtype),
        no_noise,
        no_noise,
    )
    predictions, _ = chain.forward(batch)

    @tf.function
    def step(*values):
        errors, activities, caches = weighted_errors(chain, values, batch)
        squares = [tf.reduce_mean(tf.reduce_sum(e**2, axis=1)) / 2 for e in errors[:-1]]
        output, _ = chain.layers[-1].predict(activities[-1])
        loss = tf.reduce_mean(chain.losses(output, batch.target))
        moves = velocities(chain, values, errors, caches, batch)
        return [*squares, loss], [x + rate * v for x, v in zip(values, moves)]

    values, terms = predictions[:-1], []
    for _ in range(n_steps + 1):
        of_step, values = step(*values)
        terms.append([float(term) for term in of_step])
    terms = np.array(terms)
    names = [*(f"layer {index + 1}" for index in range(chain.n_layers - 1)), "output"]
    return {"total": terms.sum(axis=1), **dict(zip(names, terms.T))}


def network_settling(study):
    """Errors and energy of the network of populations while a target comes and goes."""
    parameters, split = study.start(), study.dataset.validation
    image, label = split.images[0], int(split.labels[0])
    time_s, errors, outputs = settle(parameters, image, label, options(study))
    on = (time_s > TARGET[0]) & (time_s <= TARGET[1])
    names = [*(f"layer {index + 1}" for index in range(len(errors) - 1)), "output"]
    terms = {name: np.sum(e**2, axis=1) / 2 for name, e in zip(names[:-1], errors)}
    largest = outputs.max(axis=1, keepdims=True)
    shifted = outputs - largest
    log_probability = shifted[:, label] - np.log(np.exp(shifted).sum(axis=1))
    terms["output"] = np.where(on, -log_probability, 0.0)
    energy = {"total": sum(terms.values()), **terms}
    lengths = {name: np.linalg.norm(e, axis=1) for name, e in zip(names, errors)}
    first, last = np.flatnonzero(on)[[0, -1]]
    # Values that relax instead of errors go another way, to the same state.
    n_steps = int(last - first)
    relaxed = relax_with_terms(
        parameters, image[None], np.array([label]), options(study), 10 * n_steps, STEP
    )["total"]
    numbers = {
        "label": label,
        "energy_when_the_target_comes": float(energy["total"][first]),
        "energy_when_it_goes": float(energy["total"][last]),
        "energy_by_gradient_descent": float(relaxed[n_steps]),
        "energy_by_gradient_descent_ten_times_as_long": float(relaxed[-1]),
        "largest_error_before_the_target": float(max(v[:first].max() for v in lengths.values())),
        "error_at_the_end": {name: float(v[-1]) for name, v in lengths.items()},
    }
    caption = (
        f"{parameters}, untrained, as a network of value and error populations in Nengo, whose "
        f"values relax with {1e3 * TAU_VALUE:g} ms. It is shown a {label}, and from "
        f"{1e3 * TARGET[0]:g} to {1e3 * TARGET[1]:g} ms its label. Before, all errors are 0; the "
        "target makes one at the output, which feedback carries down layer by layer, and the "
        f"energy falls from {numbers['energy_when_the_target_comes']:.2f} to "
        f"{numbers['energy_when_it_goes']:.2f} nats while the values give way. Gradient descent of "
        f"the values, without a network, is at {relaxed[n_steps]:.2f} nats by then, and at "
        f"{relaxed[-1]:.2f} after ten times as long: the same rest. Without the target the "
        "errors fade."
    )
    return Drawn(settling(time_s, energy, lengths, TARGET), caption, numbers)


def settle(parameters, image, label, training_options, target_s=TARGET, duration=DURATION):
    """Errors of a `PredictiveCoding` network whose target comes and goes.

    Its values have the activation that is trained, and relax with `TAU_VALUE`.

    Returns
    -------
    time_s : ndarray, shape (n_steps,)
    errors : list of ndarray, each of shape (n_steps, n_units)
        Of every layer of weights.
    outputs : ndarray, shape (n_steps, n_classes)
    """
    from nengo_pc.learning.training_network import training_neuron

    neuron_type = training_neuron(parameters.neuron, training_options)
    network = PredictiveCoding(parameters, neuron_type, tau_value=TAU_VALUE)
    network.input.output = np.asarray(image, dtype=float).ravel()
    network.target.output = np.eye(network.target.size_out)[label]
    network.clamp.output = lambda t: float(target_s[0] < t - DT / 2 <= target_s[1])
    with network:
        differences = [nengo.Probe(difference) for difference in network.differences]
        output = nengo.Probe(network.output)
    with Simulator(network, dt=DT, progress_bar=False) as simulator:
        simulator.run(duration, progress_bar=False)
    return simulator.trange(), [simulator.data[p] for p in differences], simulator.data[output]
