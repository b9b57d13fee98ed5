"""What `backends.py` measures of this package's backends: each section gives tables and results."""

import sys
from dataclasses import dataclass

from backends_turns import Pool, Task, backend, measure, ratios, spread

from nengo_pc.analysis.tables import table

NO_BATCH = ("reference", "loihi", "ocl")  # these show one image at a time
BATCHED = ("native", "dl", "xla")
NAMES = {"ocl": "NengoOCL (PoCL)", "dl-merged": "dl, merged"}


@dataclass(frozen=True)
class Plan:
    """What the command line asks for.

    Attributes
    ----------
    rounds : int
    seconds : float
        The shortest turn.
    quick : bool
    torch_python, ocl_python : str or None
        Pythons that have snnTorch and Norse, and NengoOCL.
    """

    rounds: int = 10
    seconds: float = 0.2
    quick: bool = False
    torch_python: str | None = None
    ocl_python: str | None = None

    def backend(self, name):
        """The program of a backend."""
        return backend(name, self.ocl_python or sys.executable if name == "ocl" else sys.executable)

    def task(self, name, network, **settings):
        """A task on a backend."""
        return Task(NAMES.get(name, name), self.backend(name), network, **settings)

    def measure(self, tasks, title, rounds=None, **options):
        """Time tasks in turn."""
        return measure(tasks, rounds or self.rounds, self.seconds, title, **options)


def rows(results, base):
    """One row for each result, with how much faster than the base it is."""
    for result in results:
        task = result.task
        yield {
            "backend": task.name,
            "minibatch": task.batch,
            "n_neurons": task.n_neurons,
            "steps": task.steps,
            "items": spread(result.speeds),
            "ms": spread(result.ms_per_step),
            "real_time": spread(result.real_time),
            "ratio": spread(ratios(result, base)),
            "build": f"{result.build:.2f}" if result.build == result.build else None,
            "compile": None if result.compile_seconds is None else f"{result.compile_seconds:.1f}",
            "memory": f"{result.memory:.0f}" if result.memory == result.memory else None,
        }


COLUMNS = {
    "backend": "backend",
    "minibatch": "minibatch",
    "items": "images/s",
    "ms": "ms per step",
    "ratio": "× reference, per image",
    "build": "building (s)",
    "compile": "compiling (s)",
}


def shown(results, columns, base="reference"):
    """A table of results, with ratios to the result of that name."""
    bases = [r for r in results if r.task.name == base and r.error is None]
    return with_errors(table(list(rows(results, bases[0] if bases else None)), columns), results)


def with_errors(text, results):
    """A table, and below it why something was not run."""
    failed = [r for r in results if r.error is not None]
    lines = [f"Not run: {r.task.name}, minibatch of {r.task.batch}: {r.error}" for r in failed]
    return "\n\n".join([text, *lines])


def images(plan):
    """Classifiers that are shown images, for 100 steps each."""
    labels = {"mlp": "784-300-300-10", "conv": "conv48-conv96-256-10"}
    with Pool() as pool:
        measured = {name: _images(plan, name, pool) for name in labels}
    parts = [
        f"{labels[name]}, 100 steps an image\n\n{shown(results, COLUMNS)}"
        for name, results in measured.items()
    ]
    return "\n\n".join(parts), [r for results in measured.values() for r in results]


def _images(plan, network, pool):
    """One of the classifiers; convolutions take longer, and so get fewer images and rounds."""
    batches = (1, 32, 1000) if network == "mlp" else (1, 32, 100)
    if plan.quick:
        batches = batches[1:2]
    tasks = [plan.task(name, network) for name in NO_BATCH]
    tasks += [plan.task(name, network, batch=n) for name in BATCHED for n in batches]
    rounds = plan.rounds
    if network == "mlp":
        tasks.append(plan.task("dl-merged", network, batch=32))
    else:
        rounds = max(1, rounds // 2)
    return plan.measure(tasks, f"images, {network}", rounds, pool=pool)


def recurrent(plan):
    """An oscillator, and an ensemble that learns from it by PES."""
    steps = 200 if plan.quick else 500
    tasks = [plan.task(name, "recurrent", steps=steps) for name in ("reference", "ocl")]
    for name in BATCHED:
        tasks += [plan.task(name, "recurrent", batch=n, steps=steps) for n in (1, 32)]
    results = plan.measure(tasks, "recurrent")
    columns = COLUMNS | {"items": f"runs of {steps} steps/s", "ratio": "× reference, per item"}
    return "3 × 500 LIF neurons, PES\n\n" + shown(results, columns), results


def online(plan):
    """Predictive coding that learns on-line, image after image; NengoDL always from the start."""
    steps = 100 if plan.quick else 1000
    tasks = [plan.task(name, "online", steps=steps) for name in ("reference", *BATCHED)]
    tasks += [
        plan.task(name, "online", batch=100, steps=steps, learning="mean")
        for name in ("native", "xla")
    ]
    results = plan.measure(tasks, "online")
    columns = COLUMNS | {"items": f"runs of {steps} steps/s", "ratio": "× reference, per item"}
    text = "784-300-300-10, error-Hebbian rule, Kolen-Pollack feedback; minibatches learn the mean"
    return f"{text}\n\n" + shown(results, columns), results


SCALING = {
    "n_neurons": "neurons",
    "steps": "steps",
    "backend": "backend",
    "ms": "ms per step",
    "real_time": "real-time factor",
    "ratio": "× reference",
    "build": "building (s)",
    "compile": "compiling (s)",
    "memory": "peak memory (MiB)",
}


def scaling(plan):
    """Sparse recurrent networks as neurons grow, and one of them as steps grow.

    Each process runs one size, so that its peak memory is that size's.
    """
    sizes = {1_000: 1000, 10_000: 500, 100_000: 100, 1_000_000: 20}
    lengths = [100, 1_000, 10_000, 100_000]
    if plan.quick:
        sizes = {n: steps for n, steps in sizes.items() if n in (1_000, 100_000)}
        lengths = lengths[:3:2]
    grown = [
        _scaled(plan, f"scaling, {n:,} neurons", n_neurons=n, steps=steps, n_probed=100)
        for n, steps in sizes.items()
    ]
    longer = [
        _scaled(plan, f"scaling, {n:,} steps", n_neurons=1000, steps=n, n_probed=1000)
        for n in lengths
    ]
    return (
        "More neurons, ten connections onto each; 100 of them recorded\n\n"
        + _joined(grown)
        + "\n\nMore steps, all 1,000 neurons recorded: native and xla keep their mean, which the "
        "reference cannot\n\n" + _joined(longer)
    ), [result for results in (*grown, *longer) for result in results]


def _scaled(plan, title, **settings):
    tasks = [plan.task(name, "sparse", **settings) for name in ("reference", "native", "xla")]
    large = settings["n_neurons"] * settings["steps"] > 1e7
    return plan.measure(tasks, title, min(plan.rounds, 3 if large else 5))


def _joined(tables):
    """One table of several that have a base of their own."""
    every = [row for results in tables for row in rows(results, _base(results))]
    return with_errors(table(every, SCALING), [r for results in tables for r in results])


def _base(results):
    return results[0] if results[0].error is None else None
