"""The tables of a report, each as Markdown with its notes.

``runs`` are plain metrics, complete for each run; ``varied`` are the keys of `SETUP` in which
they differ.
"""

from nengo_pc.analysis.energy import DEVICES
from nengo_pc.analysis.summary import conversion_loss
from nengo_pc.analysis.tables import table

SETUP = {
    "network": "network",
    "method": "training method",
    "optimizer": "optimizer",
    "encoder": "input encoder",
    "synapse": "synapse",
    "dt": "time step",
    "presentation_time": "presentation time",
    "dataset": "data set",
    "n_train": "training images",
    "n_test": "test images",
    "version": "nengo_pc version",
}
"""What a run was made with, and what the report calls it."""

COSTS = (
    ("ReLU on CPU (µJ)", "relu_j", "cpu"),
    ("ReLU on GPU (µJ)", "relu_j", "gpu"),
    ("spiking on Loihi (µJ)", "spiking_j", "loihi"),
)
"""Energies shown, of those in an :class:`~nengo_pc.analysis.energy.EnergyEstimate`."""


def setup_table(runs, varied):
    """List what all runs share, and the backends and seeds."""
    rows = [
        {"name": name, "value": _setup_value(key, runs[0].get(key))}
        for key, name in SETUP.items()
        if key not in varied and key in runs[0]
    ]
    for key, name in (("backend", "backends"), ("seed", "seeds")):
        values = distinct(run[key] for run in runs)
        rows.append({"name": name, "value": ", ".join(map(str, values))})
    return "## Set-up\n\n" + table(rows, {"name": "", "value": ""})


def accuracy_table(runs, varied):
    """Give one row per run."""
    rows = []
    for run in runs:
        seconds = run.get("seconds") or {}
        rows.append(
            run_label(run, varied)
            | {
                "rate (%)": _percent(run.get("rate_accuracy")),
                "spiking (%)": _percent(run["accuracy"]),
                "95 % interval": interval(run.get("confidence_interval")),
                "loss (points)": _percent(conversion_loss(run)),
                "images": run["n_test"],
                "99 % of final (ms)": _scaled(run.get("time_to_99_percent_s"), 1e3, ".0f"),
                "training (s)": _scaled(seconds.get("train"), 1, ".1f"),
                "simulation (s)": _scaled(seconds.get("simulate"), 1, ".1f"),
            }
        )
    return (
        "## Accuracy\n\n"
        + _filled(rows)
        + "\n\nIntervals are Wilson's (1927) and take the images as the sample. Loss is rate less "
        "spiking accuracy. The time is the first from which on the accuracy of a presentation cut "
        "short there stays within 99 % of the final one."
    )


def seeds_table(summaries, varied):
    """Give one row per group of several seeds; None if there is none."""
    rows = [
        condition(summary, varied)
        | {
            "seeds": summary["n_seeds"],
            "rate (%)": percent_spread(summary["rate_accuracy"]),
            "spiking (%)": percent_spread(summary["accuracy"]),
            "loss (points)": percent_spread(summary["conversion_loss"]),
        }
        for summary in summaries
        if summary["n_seeds"] > 1
    ]
    if not rows:
        return None
    return f"## Over seeds\n\n{_filled(rows)}\n\nMean ± standard deviation (n - 1) over seeds."


def activity_table(runs, varied):
    """Give rates and dead neurons by layer; None if no run has them."""
    rows = []
    for run in runs:
        rates, dead = run.get("mean_rate_hz") or {}, run.get("dead_neurons") or {}
        row = {f"{layer} (Hz)": f"{rate:.1f}" for layer, rate in rates.items()}
        row |= {f"{layer} dead (%)": f"{100 * share:.1f}" for layer, share in dead.items()}
        rows.append(row)
    if not any(rows):
        return None
    rows = [run_label(run, varied) | row for run, row in zip(runs, rows, strict=True)]
    return (
        f"## Activity\n\n{_filled(rows)}\n\n"
        "Mean firing rates, and the share of neurons that fired for no image."
    )


def cost_table(runs, varied):
    """Give spikes, synaptic operations and energies per image; None if no run has them."""
    rows, sources = [], {}
    for run in runs:
        energy = run.get("energy") or {}
        row = {
            "spikes": _scaled(run.get("spikes_per_image"), 1, ".0f"),
            "synops": _scaled(run.get("synops_per_image"), 1, ".0f"),
        }
        for heading, key, device in COSTS:
            row[heading] = _three_digits(energy.get(key, {}).get(device), 1e6)
        row["ReLU / spiking, 45 nm"] = _three_digits(energy.get("ratio_45nm"), 1)
        sources |= energy.get("sources", {})
        rows.append(row)
    if all(value is None for row in rows for value in row.values()):
        return None
    rows = [run_label(run, varied) | row for run, row in zip(runs, rows, strict=True)]
    text = (
        f"## Cost\n\n{_filled(rows)}\n\n"
        "Per image. A synaptic operation is one spike at one synapse."
    )
    if not sources:
        return text
    titles = {device: DEVICES[device].title for _, _, device in COSTS} | {"45nm": "45 nm"}
    by_source = {}
    for name, title in titles.items():
        if name in sources:
            by_source.setdefault(sources[name], []).append(title)
    return (
        f"{text} Energies are estimates from published constants, not measurements: the ReLU "
        "network of the same shape computes every synapse once, the spiking one those its spikes "
        "reach, and every neuron at every step. The last column weighs the synapses alone, a "
        "float32 multiply-accumulate of 4.6 pJ against an accumulate of 0.9 pJ; an input given as "
        "currents takes multiply-accumulates in both networks. Memory and communication are left "
        "out. metrics.json has more devices. Sources:\n\n"
        + "\n".join(f"- {', '.join(names)}: {source}" for source, names in by_source.items())
    )


def run_label(run, varied):
    """Give the cells that tell a run from the others."""
    return condition(run, varied) | {"seed": run["seed"]}


def distinct(values):
    """Give the values that are not None, each once, in order."""
    return list(dict.fromkeys(value for value in values if value is not None))


def interval(ends, between=" – "):
    """Give the two ends of an interval in percent."""
    return None if ends is None else between.join(f"{100 * end:.2f}" for end in ends)


def percent_spread(spread):
    """Give mean and standard deviation in percent."""
    if spread is None:
        return None
    mean = f"{100 * spread['mean']:.2f}"
    return mean if spread["sd"] is None else f"{mean} ± {100 * spread['sd']:.2f}"


def condition(run, varied):
    """Give the cells that tell a run from those of other settings."""
    cells = {SETUP[key]: _setup_value(key, run.get(key)) for key in varied}
    return cells | {"backend": run["backend"]}


def _filled(rows):
    """Give a table of the columns that hold anything, in order of appearance."""
    columns = distinct(key for row in rows for key in row)
    return table(rows, [key for key in columns if any(row.get(key) is not None for row in rows)])


def _setup_value(key, value):
    """Give a value of the set-up with its unit."""
    if value is not None and key in ("dt", "presentation_time"):
        return f"{1e3 * value:g} ms"
    return "none" if value is None else str(value)


def _percent(fraction):
    return _scaled(fraction, 100, ".2f")


def _scaled(value, factor, form):
    """Give a number in another unit, as text."""
    return None if value is None else format(factor * value, form)


def _three_digits(value, factor):
    """Give a number in another unit with three significant digits, or all before the point."""
    form = ".0f" if value is not None and abs(factor * value) >= 1000 else ".3g"
    return _scaled(value, factor, form)
