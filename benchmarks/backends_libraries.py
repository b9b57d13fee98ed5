"""What `backends.py` measures of other libraries, and of the products that all of them need.

The MLP in snnTorch and Norse: the same weights, steps and images, currents of the first layer
worked out once for each image, no gradients, two threads. What differs:

- Synapses: here alpha of 2 ms, there low-pass of 4 ms, which has the same mean delay and half the
  state. They also filter the second layer's and the read-out's constant biases.
- Neurons: here a refractory period of 4 ms, which starts at the exact time of the spike within its
  step. There none, so fewer operations for each neuron and higher rates; only snnTorch's synaptic
  neuron stays at 0 for the step after a spike. Leaks are the exact exponentials in all.
- "compiled" is `torch.compile` of ten steps at a time, which is not what their tutorials do.

Rates of the hidden layers and how many answers are the same tell whether it is the same task.
"""

import numpy as np
from backends_networks import mlp_parameters, random_images
from backends_products import operations
from backends_sections import COLUMNS, shown
from backends_turns import Pool, Program, Task, number, spread

from nengo_pc.analysis.tables import table

LIBRARIES = {"snntorch": "snnTorch", "norse": "Norse"}
PRODUCTS = ("numpy", "tensorflow", "tensorflow-xla")


def arrays_for(task):
    """Weights, biases and images, for those who cannot make them."""
    if task.program.script != "torch_worker.py":
        return []
    parameters = mlp_parameters()
    variables = [v for pair in zip(parameters.weights, parameters.biases) for v in pair]
    return [*variables, random_images(task.batch)]


def libraries(plan):
    """The MLP in other libraries."""
    if plan.torch_python is None:
        return "not run: `--torch-python` says which Python has snnTorch and Norse", []
    batches = (32,) if plan.quick else (32, 1, 1000)
    programs = {name: plan.backend(name) for name in ("native", "xla", "dl")}
    for library, name in LIBRARIES.items():
        for suffix in ("", " compiled"):
            program = Program("torch_worker.py", library + suffix, plan.torch_python)
            programs[name + suffix.replace(" ", ", ")] = program
    every = []
    with Pool() as pool:
        for batch in batches:
            tasks = [Task(name, p, "mlp", batch=batch) for name, p in programs.items()]
            every.append(plan.measure(tasks, f"libraries, {batch}", pool=pool, arrays=arrays_for))
        same = _same_task(pool, every[0])
    columns = {**COLUMNS, "backend": "library", "ratio": "× native"}
    parts = [shown(results, columns, base="native") for results in every]
    return "\n\n".join([*parts, same]), [r for results in every for r in results]


def _same_task(pool, results):
    """A table of rates and answers, of all but NengoDL, whose network is that of native."""
    rows, ours = [], None
    for result in results:
        if result.error is not None or result.task.name == "dl":
            continue
        arrays, known = pool.ask(result.task, "rates")
        if "error" in known:
            continue
        rates, answers = arrays
        ours = answers if ours is None else ours
        rows.append(
            {
                "library": result.task.name,
                "hidden rates (Hz)": ", ".join(f"{rate:.1f}" for rate in rates),
                "same answers as native (%)": f"{100 * np.mean(answers == ours):.0f}",
            }
        )
    return table(rows, rows[0].keys()) if rows else ""


def limit(plan):
    """Which part of a run of the MLP its matrix products take."""
    batch = 100 if plan.quick else 1000
    tasks = [
        Task(name, Program("backends_products.py", name), "products", batch=batch)
        for name in PRODUCTS
    ]
    tasks += [plan.task(name, "mlp", batch=batch) for name in ("xla", "native")]
    results = plan.measure(tasks, "limit")
    done = [r for r in results if r.error is None]
    flop = operations(batch, tasks[0].steps)
    rows = [
        {
            "what": f"products, {r.task.name}"
            if r.task.name in PRODUCTS
            else f"a run of the MLP, {r.task.name}",
            "ms": spread(1e3 * np.array(r.wall)),
            "Gflop/s of the products": spread(flop / np.array(r.wall) / 1e9),
        }
        for r in done
    ]
    text = f"784-300-300-10, minibatch of {batch}, 100 steps\n\n" + table(rows, rows[0].keys())
    products = [r for r in done if r.task.name in PRODUCTS]
    if products and results[-1].error is None:
        best = min(products, key=lambda r: np.median(r.wall))
        part = np.array(best.wall) / np.array(results[-1].wall)
        text += (
            f"\n\nThe products alone, by {best.task.name}, take {spread(part)} of the time of a "
            f"run: native reaches {number(100 * np.median(part))} % of the limit."
        )
    return text, results
