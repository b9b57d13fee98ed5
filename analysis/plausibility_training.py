"""The audit of off-line training, read from the engine that would train."""

from dataclasses import replace

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.learning import TrainingOptions
from nengo_pc.networks import Dense, Parameters

from .plausibility import PROBLEMS, Audit, Finding
from .plausibility_measures import CURRENTS, TOLERANCE, alignment, judge_factor
from .plausibility_verdicts import EQUAL, NOTHING, share

STEP = 1e-4  # of current, for slopes
N_ITEMS = 4
# What the loop of each method is, which no array tells.
PHASES = {
    "nengodl": ("no", "a forward pass, a backward pass and an update, one after the other"),
    "backprop": ("no", "a forward pass, a backward pass and an update, one after the other"),
    "zil": ("no", "a forward pass, then one step down for each layer, then an update"),
    "fixed-prediction": (
        "no",
        "a forward pass whose predictions are then held, errors relax, then an update",
    ),
    "il": ("no", "a forward pass, then values relax while weights stand still, then an update"),
    "ipc": ("partly", "a forward pass for each image, then values and weights move together"),
}
AUTOMATIC = ("nengodl", "backprop")  # TensorFlow differentiates one loss


def audit_training(options):
    """Judge an off-line method from the engine that these options would train with.

    The engine is built for a small network of its own, without batch norm, dropout and noise, and
    asked for its feedback, its slopes and its targets. What it takes to judge the rest, the order
    of the method's steps, is in `PHASES`. Sources as for `audit`.

    Parameters
    ----------
    options : nengo_pc.learning.TrainingOptions

    Returns
    -------
    Audit

    Raises
    ------
    nengo.exceptions.ValidationError
        If they are no such options.
    """
    if not isinstance(options, TrainingOptions):
        raise ValidationError(f"must be TrainingOptions, got {options!r}", "options")
    n_layers = 3 if options.precision is None else len(options.precision)
    layers = [Dense(n) for n in range(n_layers + 1, 1, -1)]
    parameters = Parameters.random((n_layers + 2,), layers, seed=options.seed)
    plain = replace(
        options, batch_size=N_ITEMS, batch_norm=False, dropout=0.0, input_dropout=0.0, noise=0.0
    )
    if options.method == "nengodl":
        judged, aligned, outer = _nengodl(parameters, plain), (), None
    else:
        judged, aligned, outer = _rule(parameters, replace(plain, dtype="float64"))
    verdict, phases = PHASES[options.method]
    judged["timing"] = verdict, (phases,)
    judged["spikes"] = "no", ("layers exchange graded numbers",)
    judged["locality"] = _locality(options, outer)
    findings = tuple(Finding(problem, *judged[problem]) for problem in PROBLEMS)
    schedule = (f"each minibatch: {phases}",)
    if options.schedule != "constant":
        schedule += (f"learning rate changes with time: {options.schedule}",)
    return Audit(findings, schedule, (), aligned)


def _rule(parameters, options):
    """The verdicts on a `RuleEngine`, and alignments."""
    from nengo_pc.learning.rule_engine import RuleEngine

    tf = import_tensorflow()
    engine = RuleEngine(parameters, options, n_updates=1)
    chain = engine.chain
    judged, aligned = _feedback(engine, tf)
    x = tf.constant(CURRENTS, chain.dtype)
    rates = [chain.activation(x + h).numpy() for h in (0, STEP, -STEP)]
    with tf.GradientTape() as tape:
        tape.watch(x)
        sent = chain.activation.differentiable(x)
    automatic = options.method in AUTOMATIC
    factor = tape.gradient(sent, x) if automatic else chain.activation.slope(x)
    verdict, text = judge_factor(factor.numpy(), (rates[1] - rates[2]) / (2 * STEP))
    judged["derivative"] = verdict, (text,)
    if chain.n_layers == 1:
        judged["derivative"] = NOTHING, ("there is no feedback",)
    judged["spiking"] = _graded(rates[0])
    given = _batch(engine, N_ITEMS, tf).target.numpy()[0]
    judged["target"] = "no", (f"label 0 is given to the output's error as {given.tolist()}",)
    return judged, aligned, _outer_misfit(engine, tf)


def _outer_misfit(engine, tf):
    """How far the products that teach weights are from each layer's error times what it got."""
    chain, rng = engine.chain, np.random.default_rng(1)
    below = [engine.chain.parameters.input_shape, *chain.shapes[:-1]]
    errors, activities = (
        [tf.constant(rng.normal(size=(N_ITEMS, *shape)), chain.dtype) for shape in shapes]
        for shapes in (chain.shapes, below)
    )
    given = chain.gradients(errors, activities, [None] * chain.n_layers)
    misfits = [
        np.abs(given[2 * i].numpy() + e.numpy().T @ a.numpy() / N_ITEMS).max()
        for i, (e, a) in enumerate(zip(errors, activities))
    ]
    return max(misfits)


def _batch(engine, n, tf):
    """A minibatch of ``n`` images, all of class 0."""
    shape = engine.chain.parameters.input_shape
    return engine._batch(np.ones((n, *shape), "f4"), tf.zeros(n, tf.int32))


def _carried(engine, index, errors, tf):
    """What errors of the layer above, or of the output, become in hidden layer ``index + 1``.

    Backprop's by the gradients that TensorFlow takes of its forward pass.

    Parameters
    ----------
    engine : RuleEngine
    index : int
    errors : (n, n_units) ndarray

    Returns
    -------
    (n, n_units of the hidden layer) ndarray
    """
    chain = engine.chain
    direct = chain.options.feedback == "direct"
    errors = tf.constant(errors, chain.dtype)
    if chain.options.method in AUTOMATIC and not direct:
        from nengo_pc.learning.rules.backprop import _forward

        with tf.GradientTape() as tape:
            predictions, _, activities = _forward(chain, _batch(engine, len(errors), tf))
        return tape.gradient(predictions[index + 1], activities[index + 1], errors).numpy()
    given = [tf.zeros((len(errors), *shape), chain.dtype) for shape in chain.shapes]
    given[-1 if direct else index + 1] = errors
    return chain.carry_down(index, given, [None] * chain.n_layers).numpy()


def _feedback(engine, tf):
    """Weight transport, linear feedback and unidirectionality, and alignments."""
    chain = engine.chain
    said, aligned, bent, shared = [], [], 0.0, 0
    for index in range(chain.n_layers - 1):
        n = chain.shapes[-1 if chain.options.feedback == "direct" else index + 1][0]
        weights = _carried(engine, index, np.eye(n), tf).T
        errors = np.random.default_rng(0).normal(size=(N_ITEMS, n))
        bent = max(bent, np.abs(_carried(engine, index, errors, tf) - errors @ weights.T).max())
        forward = chain.layers[index + 1].weights.numpy()
        name = f"feedback into layer {index + 1}"
        if weights.shape != forward.T.shape:
            said.append(f"{name} skips layers and has no forward counterpart")
            continue
        cosine, equal = alignment(forward, weights), np.array_equal(weights, forward.T)
        shared += equal
        pair = {"feedback": name, "forward": f"layer {index + 2}", "start": cosine}
        aligned.append({**pair, "later": None, "equal": equal})
        text = f"cosine of {name} with the weights of layer {index + 2} transposed: {cosine:.3g}"
        said.append(text + (", equal number by number" if equal else ""))
    if chain.n_layers == 1:
        nothing = NOTHING, ("there is no feedback",)
        return dict.fromkeys(("weight transport", "linear feedback"), nothing) | {
            "unidirectionality": ("yes", ("there is no feedback",))
        }, ()
    learned = {v.ref() for v in chain.trained}
    if any(v.ref() in learned for v in chain.feedback):
        said.append("feedback weights learn, with the forward weights' own product")
    transported = sum(pair["start"] >= EQUAL for pair in aligned)
    both = (
        f"{shared} arrays of weights serve both ways" if shared else "feedback has its own arrays"
    )
    line = f"feedback of errors of both signs is graded, and {bent:.1g} off a linear map"
    return {
        "weight transport": (share(transported, chain.n_layers - 1), tuple(said)),
        "linear feedback": ("no" if bent < TOLERANCE else "partly", (line,)),
        "unidirectionality": ("no" if shared else "yes", (both,)),
    }, tuple(aligned)


def _graded(rates):
    """The verdict on what neurons send."""
    n = len(np.unique(rates))
    return "no", (f"at {len(CURRENTS)} currents neurons send {n} different numbers, not spikes",)


def _nengodl(parameters, options):
    """The verdicts on a `NengoDLEngine`, whose gradient is compared with finite differences."""
    from nengo_pc.learning.nengodl_engine import NengoDLEngine

    tf = import_tensorflow()
    engine = NengoDLEngine(parameters, options, n_updates=1)
    try:
        images = np.random.default_rng(0).uniform(size=(N_ITEMS, *parameters.input_shape))
        images = tf.constant(images, tf.float32)
        arrays = [v for v in engine.model.trainable_variables if len(v.shape) == 2]

        def loss():
            return tf.reduce_sum(engine._run(images, training=False)[0][:, 0])

        with tf.GradientTape() as tape:
            value = loss()
        gradient = tape.gradient(value, arrays[0]).numpy()
        measured = _slopes(arrays[0], loss)
        norms = np.linalg.norm(gradient) * np.linalg.norm(measured)
        cosine = float(np.sum(gradient * measured) / norms) if norms else float("nan")
        layers = engine.network.layers
        spiking = sum(layer.neuron_type.spiking for layer in layers)
    finally:
        engine.close()
    fit = f"its gradient of the first layer has cosine {cosine:.3f} with finite differences"
    own = f"{len(arrays)} matrices for {len(parameters.layers)} layers, none of them for feedback"
    exact = "no" if cosine >= EQUAL else "partly"
    return {
        "weight transport": ("no", (own, fit)),
        "derivative": (exact, (fit,)),
        "linear feedback": ("no", ("TensorFlow's gradients: signed, graded, no neurons",)),
        "spiking": (
            "yes" if spiking == len(layers) else "no",
            (f"{spiking} of {len(layers)} populations spike while it trains",),
        ),
        "target": ("no", ("the label is given to the loss as a one-hot vector",)),
        "unidirectionality": ("no", (own, "gradients go down through the same matrices")),
    }


def _slopes(variable, loss, step=1e-2):
    """Central differences of a loss for each entry of a variable."""
    start = variable.numpy()
    result = np.zeros_like(start)
    for place in np.ndindex(start.shape):
        values = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            variable.assign(moved)
            values.append(float(loss()))
        result[place] = (values[0] - values[1]) / (2 * step)
    variable.assign(start)
    return result


def _locality(options, outer):
    """The verdict on what an update is made of."""
    if options.method in AUTOMATIC:
        return "no", ("TensorFlow differentiates one loss; no layer holds an error of its own",)
    said = [f"an update is the layer's own error times the activity below, within {outer:.0e}"]
    doubts = []
    if options.batch_size > 1:
        doubts.append(f"it is summed over {options.batch_size} images")
    if options.batch_norm:
        doubts.append("batch norm uses statistics of the minibatch")
    if options.loss == "cross-entropy":
        doubts.append("the output's errors pass a softmax over all outputs")
    return ("partly" if doubts else "yes"), (*said, *doubts)
