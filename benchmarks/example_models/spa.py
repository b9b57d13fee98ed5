"""Models of nengo-spa."""

import nengo
import nengo_spa
import numpy as np

SEED = 5
SYNAPSE = 0.03  # s, of probes
DIMENSIONS = 32


def vocabulary(words):
    """A vocabulary that has the same vectors each time."""
    made = nengo_spa.Vocabulary(DIMENSIONS, pointer_gen=np.random.RandomState(SEED))
    made.populate(words)
    return made


def spa_memory():
    """An associative memory that cleans up a mixture of words, the winner taking all."""
    words = vocabulary("RED; GREEN; BLUE; GREY")
    with nengo_spa.Network(seed=SEED) as network:
        shown = nengo_spa.Transcode(
            lambda t: "RED + 0.6 * GREEN" if t < 0.5 else "BLUE + 0.5 * GREY", output_vocab=words
        )
        memory = nengo_spa.WTAAssocMem(0.2, input_vocab=words, mapping=words.keys())
        shown >> memory
        nengo.Probe(memory.input)
        nengo.Probe(memory.output, synapse=SYNAPSE)
    return network


def spa_binding():
    """A pair that is bound and held in a memory, and taken apart by a question."""
    words = vocabulary("CIRCLE; SQUARE; RED; BLUE")
    with nengo_spa.Network(seed=SEED) as network:
        colour = nengo_spa.Transcode(lambda t: "RED" if t < 0.3 else "0", output_vocab=words)
        shape = nengo_spa.Transcode(lambda t: "CIRCLE" if t < 0.3 else "0", output_vocab=words)
        cue = nengo_spa.Transcode(lambda t: "0" if t < 0.3 else "CIRCLE", output_vocab=words)
        held = nengo_spa.State(words, feedback=1.0, feedback_synapse=0.2)
        answer = nengo_spa.State(words)
        (colour * shape) >> held
        (held * ~cue) >> answer
        nengo.Probe(held.output, synapse=SYNAPSE)
        nengo.Probe(answer.output, synapse=SYNAPSE)
    return network


def spa_sequence():
    """Four words that follow each other, by basal ganglia and thalamus."""
    order = ["A", "B", "C", "D"]
    words = vocabulary("; ".join(order))
    with nengo_spa.Network(seed=SEED) as network:
        state = nengo_spa.State(words)
        start = nengo_spa.Transcode(lambda t: "D" if t < 0.1 else "0", output_vocab=words)
        start >> state
        with nengo_spa.ActionSelection() as selection:
            for word, following in zip(order, order[1:] + order[:1]):
                utility = nengo_spa.dot(state, nengo_spa.sym(word))
                nengo_spa.ifmax(utility, nengo_spa.sym(following) >> state)
        nengo.Probe(state.output, synapse=SYNAPSE)
        nengo.Probe(selection.thalamus.output, synapse=SYNAPSE)
    return network


MODELS = {model.__name__: model for model in (spa_memory, spa_binding, spa_sequence)}
