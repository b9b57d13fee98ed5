"""Learn from a stream of images, note how it goes, and go on where it stopped."""

import json
import time
from pathlib import Path

import numpy as np
from nengo.exceptions import ValidationError
from tqdm import tqdm

from nengo_pc.analysis import alignment
from nengo_pc.backends.stepper import MINIBATCHED
from nengo_pc.learning.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from nengo_pc.learning.online import OnlineLearner

# Steps of a call: the xla backend takes some 3 ms to move weights in and out.
CALL_STEPS = 400


def learn_stream(
    settings,
    start,
    split,
    stream,
    n_images,
    backend="native",
    minibatch_size=1,
    falling=True,
    seed=0,
    checkpoint=None,
    resume=False,
    notes=60,
    progress=True,
):
    """Train a spiking predictive-coding network on line.

    Parameters
    ----------
    settings : SpikingPC
    start : Parameters
    split : nengo_pc.datasets.Split
        The images, which pass in an order of the seed that is another in every pass.
    stream : nengo_pc.learning.online.Stream
    n_images : int
        Rounded up to whole calls of the simulator.
    backend : {"native", "reference", "dl", "xla"}
    minibatch_size : int
    falling : bool
        Let learning rates fall linearly to 0 over the stream.
    seed : int
    checkpoint : pathlib.Path, optional
        Written at each note, if the backend can.
    resume : bool
        Go on from the checkpoint, if it is there.
    notes : int
        How many times to note how it goes.
    progress : bool

    Returns
    -------
    parameters : Parameters
    history : list of dict
        For each note: ``images_seen``, ``accuracy`` of the answers since the last one, ``spikes``
        per image by population, ``alignment`` by layer of feedback, ``seconds`` of learning so far.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is not as described.
    CheckpointError
        If the checkpoint is not one of this run.
    """
    per_image = stream.steps(stream.presentation_time)
    chunk = minibatch_size * max(1, CALL_STEPS // per_image)
    if n_images < minibatch_size:
        raise ValidationError(f"must be at least {minibatch_size}, got {n_images}", "n_images")
    calls = -(-n_images // chunk)
    duration = calls * chunk // minibatch_size * stream.presentation_time
    network = settings.build(start, seed, minibatch_size, duration if falling else None)
    description = {
        "settings": settings.to_dict(),
        "stream": stream.to_dict(),
        "n_split": len(split),
        "calls": calls,
        "minibatch_size": minibatch_size,
        "falling": falling,
        "seed": seed,
        "start": start.digest(),
    }
    images, labels = split.images, split.labels
    marks = {round(calls * (i + 1) / notes) - 1 for i in range(notes)}
    with OnlineLearner(network, stream, backend, minibatch_size, seed) as learner:
        history, done = [], 0
        if resume and checkpoint is not None and Path(checkpoint).exists():
            done, history = _resumed(learner, checkpoint, description)
        if not history:
            nothing = {"images_seen": 0, "seconds": 0.0}
            history.append(_aligned(nothing, start.weights[1:], learner))
        seconds = history[-1]["seconds"]
        correct, spikes, noted = 0, [], learner.images_seen
        with tqdm(
            total=calls * chunk,
            initial=learner.images_seen,
            desc=f"{start}, seed {seed}",
            unit="image",
            disable=not progress,
            dynamic_ncols=True,
        ) as bar:
            for call in range(done, calls):
                began = time.perf_counter()
                index = _indices(len(images), call * chunk, chunk, seed)
                seen = learner.learn(images[index], labels[index])
                seconds += time.perf_counter() - began
                correct += int((seen["answers"] == labels[index]).sum())
                spikes.append(seen["spikes"])
                bar.update(chunk)
                if call not in marks and call != calls - 1:
                    continue
                note = {
                    "images_seen": learner.images_seen,
                    "seconds": seconds,
                    "accuracy": correct / (learner.images_seen - noted),
                    "spikes": {k: float(np.mean([s[k] for s in spikes])) for k in spikes[0]},
                }
                parameters = learner.parameters()
                history.append(_aligned(note, parameters.weights[1:], learner))
                correct, spikes, noted = 0, [], learner.images_seen
                bar.set_postfix_str(
                    f"{100 * note['accuracy']:.1f} %, "
                    f"{sum(v for k, v in note['spikes'].items() if 'error' in k):.0f} error spikes"
                )
                if checkpoint is not None and backend in MINIBATCHED:
                    _save(learner, checkpoint, description, call + 1, history)
        return learner.parameters(), history


def _aligned(note, forward, learner):
    """A note with the alignment of each feedback with the forward weights it stands beside."""
    cosines = [float(alignment(w, b.T)) for w, b in zip(forward, learner.feedback())]
    return note | {"alignment": {f"feedback {i + 1}": c for i, c in enumerate(cosines)}}


def _indices(n, first, size, seed):
    """Which images the stream shows from place ``first`` on: a new order in every pass."""
    places = np.arange(first, first + size)
    result = np.empty(size, dtype=int)
    for turn in np.unique(places // n):
        order = np.random.default_rng([seed, 0x0D0E, int(turn)]).permutation(n)
        of_turn = places // n == turn
        result[of_turn] = order[places[of_turn] % n]
    return result


def _save(learner, path, description, calls_done, history):
    state = learner.state()
    text = description | {"calls_done": calls_done, "history": history, "names": list(state)}
    save_checkpoint(path, list(state.values()), text)


def _resumed(learner, path, description):
    """How many calls were done, and their history."""
    arrays, kept = load_checkpoint(path)
    same = json.loads(json.dumps(description))
    different = [key for key in same if kept.get(key) != same[key]]
    if different:
        raise CheckpointError(f"{path} is of another run: {', '.join(different)} differ")
    learner.set_state(dict(zip(kept["names"], arrays)))
    return kept["calls_done"], kept["history"]
