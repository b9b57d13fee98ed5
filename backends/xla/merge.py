"""Merge like operators to the end."""

from nengo.builder.optimizer import OpMergePass
from nengo.utils.simulator import operator_dependency_graph
from nengo.utils.stdlib import OrderedSet


def merge_operators(model):
    """Merge like operators of a model, as Nengo's optimizer does.

    Nengo's own loop over its passes stops by the clock and takes operators by their addresses in
    memory. This one goes on until nothing can be merged and takes them in the model's order, so
    that the same network has the same operators, whatever the machine and whatever else it does.

    Parameters
    ----------
    model : nengo.builder.Model
        Changed in place.
    """
    graph = operator_dependency_graph(model.operators)
    merge = OpMergePass(graph)
    merge.might_merge = OrderedSet(graph)
    views, done = True, False
    while not done:
        before = len(graph)
        merge(views)
        done = not views and len(graph) == before
        views = len(graph) < before
    for named in model.sig.values():
        for name, signal in named.items():
            while signal in merge.sig_replacements:
                signal = merge.sig_replacements[signal]
            named[name] = signal
    model.operators[:] = []
    for op in graph:
        model.add_op(op)
