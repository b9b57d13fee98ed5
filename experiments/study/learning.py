"""Figures of learning rules: Z-IL against backprop, and feedback weights that are not Wᵀ."""

import itertools

import numpy as np

from nengo_pc.analysis import alignment
from nengo_pc.analysis.plot_feedback import feedback_angles
from nengo_pc.analysis.plot_learning import rule_curves, rule_differences
from nengo_pc.learning import TrainingOptions

from .setting import Drawn

LEARNING_RATE = 1e-3
# Of inference learning without batch norm, see `nengo_pc.experiments.zil_vs_backprop`.
INFERENCE = {"inference_steps": 20, "inference_rate": 0.02}
FEEDBACKS = ("transpose", "kolen-pollack", "random", "direct")
FEEDBACK_DECAY = 1.0  # of Kolen-Pollack: W - Bᵀ shrinks by 1 - learning rate x decay per update
N_NOTES = 40


def options(study, method="backprop", **more):
    """Options of a training without batch norm and dropout, so that rules are seen alone."""
    given = {
        "batch_size": study.sizes.batch_size,
        "learning_rate": LEARNING_RATE,
        "schedule": "constant",
        "batch_norm": False,
        "dropout": 0.0,
        "input_dropout": 0.0,
        "seed": study.seed,
    }
    return TrainingOptions(method=method, **given | more)


def rule_updates(study):
    """How far the updates of rules are from backprop's."""
    from nengo_pc.experiments.rule_comparison import compare_rules

    rules = {
        "backprop": options(study, dtype="float64"),
        "zil": options(study, "zil", dtype="float64"),
        "fixed-prediction": options(study, "fixed-prediction", dtype="float64"),
        "il": options(study, "il", dtype="float64", **INFERENCE),
    }
    # Rounding grows from update to update: a quarter of them is enough to see it.
    n_updates = max(study.sizes.updates // 4, 2)
    runs = compare_rules(study.start(), study.dataset, rules, n_updates, progress=False)
    histories = {name: run.history for name, run in runs.items() if name != "backprop"}
    largest = {
        name: max(entry["relative_difference"] for entry in history)
        for name, history in histories.items()
    }
    parameters = {
        name: history[-1]["relative_parameter_difference"] for name, history in histories.items()
    }
    precision = float(np.finfo("float64").eps)
    caption = (
        f"Largest difference between a rule's update and backprop's at the same parameters, "
        f"relative to the largest entry (left), and between the parameters of a network that has "
        f"learned by it and one that has learned by backprop (right), over {n_updates} minibatches "
        f"in float64. Z-IL's updates are backprop's to {largest['zil']:.0e}, fixed prediction's to "
        f"{largest['fixed-prediction']:.0e}; those of inference learning, "
        f"T = {INFERENCE['inference_steps']}, are others. Grey: the rounding of float64."
    )
    numbers = {
        "largest_relative_difference": largest,
        "relative_parameter_difference_at_the_end": parameters,
        "updates": n_updates,
    }
    return Drawn(rule_differences(histories, precision), caption, numbers)


def rule_learning(study):
    """Loss and error of rules over updates."""
    from nengo_pc.experiments.rule_comparison import compare_rules

    rules = {
        "backprop": options(study),
        "zil": options(study, "zil"),
        "il": options(study, "il", **INFERENCE),
        "ipc": options(study, "ipc", inference_steps=8, inference_rate=0.02),
    }
    n_updates = study.sizes.updates
    runs = compare_rules(study.start(), study.dataset, rules, n_updates, progress=False)
    histories = {name: run.history for name, run in runs.items()}
    last = {name: history[-1] for name, history in histories.items()}
    caption = (
        "Training loss and validation error of one network, from one start and on the same "
        f"minibatches, over {n_updates} updates by Adam: backprop and Z-IL lie on each other, "
        "inference learning (il) and incremental predictive coding (ipc) take ways of their own. "
        "Validation error at the end: "
        + ", ".join(
            f"{name} {100 * (1 - e['validation_accuracy']):.1f} %" for name, e in last.items()
        )
        + "."
    )
    numbers = {
        name: {"loss": e["loss"], "validation_accuracy": e["validation_accuracy"]}
        for name, e in last.items()
    }
    return Drawn(rule_curves(histories), caption, numbers)


def feedback_alignment(study):
    """Angles of feedback weights and updates to those of backprop, over training."""
    updates, notes = learn_with_feedback(study, study.sizes.updates)
    hidden = len(study.sizes.hidden)
    weights = {
        f"B and Wᵀ, layer {index + 2}": {
            name: [note["weights"][index] for note in of_kind]
            for name, of_kind in notes.items()
            if name not in ("transpose", "direct")
        }
        for index in range(hidden)
    }
    first = {name: [note["updates"][0] for note in of_kind] for name, of_kind in notes.items()}
    panels = {**weights, "first layer's update": first}
    last = {name: of_kind[-1] for name, of_kind in notes.items()}
    caption = (
        "Angle between feedback weights B and the transpose of the forward weights W that they "
        "stand for, and between the first layer's update and the one that backprop would make at "
        f"the same parameters, over {study.sizes.updates} updates by Adam; 90 degrees are no "
        "relation. Kolen-Pollack feedback learns by the same product as W and both decay: it turns "
        f"towards Wᵀ, to {last['kolen-pollack']['weights'][-1]:.0f} degrees at the top. Random "
        "feedback stays as it is, and W turns towards it, to "
        f"{last['random']['weights'][-1]:.0f} degrees. Direct feedback goes from the output to "
        "every layer. Validation accuracy at the end: "
        + ", ".join(f"{name} {100 * e['validation_accuracy']:.1f} %" for name, e in last.items())
        + "."
    )
    figure = feedback_angles(updates, panels)
    return Drawn(
        figure,
        caption,
        {"at_the_end": last, "updates": study.sizes.updates, "decay": FEEDBACK_DECAY},
    )


def learn_with_feedback(study, n_updates):
    """Learn by backprop with each kind of feedback weights, and note angles on the way.

    Returns
    -------
    updates : ndarray, shape (n_notes,)
    notes : dict of str to list of dict
        By kind of feedback: ``weights``, the angle in degrees between each B and its Wᵀ (empty for
        direct feedback, which has no such W), ``updates``, that between each layer's update and
        backprop's, and ``validation_accuracy``.
    """
    from nengo_pc.experiments.rule_comparison import (
        N_VALIDATION,
        minibatches,
        without_retracing_warning,
    )
    from nengo_pc.learning.trainer import make_engine

    every = max(1, n_updates // N_NOTES)
    updates = np.arange(0, n_updates + 1, every)
    validation = study.dataset.validation
    images, labels = validation.images[:N_VALIDATION], validation.labels[:N_VALIDATION]
    notes = {}
    with without_retracing_warning():
        reference = make_engine(study.start(), options(study), n_updates)
        for kind in FEEDBACKS:
            decay = {"feedback_decay": FEEDBACK_DECAY} if kind == "kolen-pollack" else {}
            engine = make_engine(study.start(), options(study, feedback=kind, **decay), n_updates)
            batches = minibatches(study.dataset.train, study.sizes.batch_size, study.seed)
            notes[kind] = []
            for update, batch in enumerate(itertools.islice(batches, int(updates[-1]) + 1)):
                if update % every == 0:
                    answers = engine.predict(images).argmax(axis=1)
                    note = _angles(engine, reference, batch)
                    note["validation_accuracy"] = float(np.mean(answers == labels))
                    notes[kind].append(note)
                engine.update(*batch)
    return updates, notes


def _angles(engine, reference, batch):
    """Angles between feedback and forward weights, and between an update and backprop's."""
    from nengo_pc.experiments.rule_comparison import angle, weights_of

    # Kolen-Pollack's feedback weights come after what both engines have.
    for ours, theirs in zip(reference.chain.trained, engine.chain.trained):
        ours.assign(theirs)
    ours, theirs = (weights_of(e, e.gradients(*batch)) for e in (engine, reference))
    by_layer = [angle([a], [b]) for a, b in zip(ours, theirs)]
    pairs = []
    if engine.options.feedback != "direct":
        forward = [layer.weights.numpy() for layer in engine.chain.layers[1:]]
        back = [b.numpy() for b in engine.chain.feedback] or forward
        cosines = [alignment(w, b.T) for w, b in zip(forward, back)]
        pairs = [float(np.degrees(np.arccos(np.clip(c, -1, 1)))) for c in cosines]
    return {"weights": pairs, "updates": by_layer}
