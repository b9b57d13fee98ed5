"""Report, tables and figures of the comparison of learning rules with backprop."""

import statistics

from nengo_pc import analysis

EXACT = ("zil", "fixed-prediction")
METHODS = (
    ("backprop", "backprop", "automatic differentiation of the loss"),
    ("zil", "Z-IL", "predictive coding; layer l learns at step L - l of its values"),
    ("fixed-prediction", "fixed prediction", "errors relax while predictions stand still"),
    ("il", "inference learning (IL)", "values relax for T steps, then weights learn"),
    ("ipc", "incremental predictive coding (iPC)", "weights learn at every step of the values"),
)
NAMES = {method: name for method, name, _ in METHODS}


def results_table(runs):
    """One row per run, for a terminal or Markdown."""
    rows = [
        {
            "method": run["method"],
            "seed": run["seed"],
            "test (%)": f"{100 * run['accuracy']:.2f}",
            "95 % interval": " to ".join(f"{100 * v:.2f}" for v in run["confidence_interval"]),
            "images": run["n_test"],
            "updates differ by": _difference(run["max_relative_difference"]),
            "angle (degrees)": _difference(run["mean_angle_degrees"]),
            "parameters differ by": _difference(run["max_relative_parameter_difference"]),
            "ms/update": f"{run['ms_per_update']:.2f}",
            "x backprop": f"{run['time_ratio_to_backprop']:.2f}",
        }
        for run in runs
    ]
    return analysis.table(rows, list(rows[0]))


def seeds_table(runs):
    """Test accuracy and largest difference by method, over seeds."""
    rows = []
    for summary in analysis.summarise(runs, by=("method",)):
        spread = summary["accuracy"]
        largest = [
            run["max_relative_difference"] for run in runs if run["method"] == summary["method"]
        ]
        sd = "" if spread["sd"] is None else f" ± {100 * spread['sd']:.2f}"
        rows.append(
            {
                "method": summary["method"],
                "seeds": summary["n_seeds"],
                "test (%)": f"{100 * spread['mean']:.2f}{sd}",
                "updates differ by at most": _difference(None if None in largest else max(largest)),
            }
        )
    return analysis.table(rows, list(rows[0]))


def figures(metrics):
    """Figures of the first seed, with captions, by file name without suffix."""
    # Only a report needs matplotlib.
    from nengo_pc.analysis import plots

    runs = [run for run in metrics["runs"] if run["seed"] == metrics["seed"]]
    histories = {run["method"]: run["history"] for run in runs}
    others = {method: h for method, h in histories.items() if method != "backprop"}
    seed, size, n = metrics["seed"], metrics["batch_size"], metrics["angles"]["n_minibatches"]
    updates = metrics["angles"]["updates_before_trained"]
    over_steps, over_depth = metrics["angles"]["over_steps"], metrics["angles"]["over_depth"]
    result = {
        "learning": (
            plots.rule_curves(histories),
            f"Training loss (mean over the minibatches since the last point) and error on "
            f"{metrics['n_validation']} validation images. Same start, same minibatches of {size} "
            f"(seed {seed}). Curves of rules that are backprop lie on each other.",
        ),
    }
    if others:
        result["differences"] = (
            plots.rule_differences(others, metrics["precision"]),
            "Largest relative difference from backprop: of each update, both taken at the rule's "
            "own parameters and on the same minibatch, and of the parameters that each rule has "
            "reached from those of backprop's run. Grey: relative rounding error of one "
            f"{metrics['dtype']} operation. Differences of exactly 0 are drawn at the lower edge. "
            "Of ipc's updates, the sum over the steps of a minibatch is compared in direction.",
        )
    if over_steps or over_depth:
        il, where = metrics["training_options"]["il"], []
        if over_steps:
            where.append(
                f"the {metrics['network']} network before and after {updates['over_steps']} "
                f"updates by backprop, against the steps T of {il['inference_rate']:g} time "
                "constants that its values take"
            )
        if over_depth:
            where.append(
                f"networks of {metrics['angles']['units']} units a layer before and after "
                f"{updates['over_depth']} updates by backprop, against depth with "
                f"T = {il['inference_steps']}"
            )
        result["angles"] = (
            plots.update_angles(over_steps, over_depth),
            f"Angle between the updates of inference learning and of backprop over all weights: of "
            f"{'; of '.join(where)}. Mean and standard deviation over {n} minibatches of training "
            "images.",
        )
    if over_steps:
        result["layer_angles"] = (
            plots.layer_angles(over_steps),
            "The same for the weights of each layer, from the input up, against the steps T of "
            "inference learning's values. The angle over all weights also depends on how large the "
            "updates of the layers are beside one another, so that it may exceed that of each.",
        )
    timing = metrics["timing"]
    result["time"] = (
        plots.update_times(timing["by_method"]),
        f"Time of one update with minibatches of {timing['batch_size']}: median and quartiles of "
        f"{timing['rounds']} rounds in which the rules take turns, {timing['updates_per_round']} "
        "updates each; compilation is not counted. Ratios are medians of the ratios of each round.",
    )
    return result


def report_text(metrics, captions):
    """The report in Markdown.

    Parameters
    ----------
    metrics : dict
        As ``metrics.json`` has them.
    captions : dict of str to str
        By figure name.

    Returns
    -------
    str
    """
    runs = metrics["runs"]
    seeds = sorted({run["seed"] for run in runs})
    sections = [
        "# Learning rules against backprop",
        _headline(metrics),
        f"> {metrics['dataset_notice']}" if metrics["dataset_notice"] else None,
        f"To reproduce:\n\n```sh\n{metrics['command']}\n```",
        "## Set-up\n\n" + _setup(metrics, seeds),
        "## Results\n\n" + results_table(runs) + "\n\n" + _notes(metrics),
        f"## Over seeds\n\n{seeds_table(runs)}\n\nMean ± standard deviation (n - 1) over seeds."
        if len(seeds) > 1
        else None,
        "## Figures",
        *(
            f"![Figure {number}]({name}.png)\n\n**Figure {number}.** {caption} ([SVG]({name}.svg))"
            for number, (name, caption) in enumerate(captions.items(), start=1)
        ),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(metrics):
    """Say in a paragraph what came out."""
    lines = []
    for method, name in NAMES.items():
        if method not in metrics["timing"]["by_method"] or method == "backprop":
            continue
        if method in EXACT:
            largest = _largest(metrics, method, "max_relative_difference")
            what = f"no update differs from backprop's by more than {largest} of its largest entry"
        else:
            angle = _largest(metrics, method, "mean_angle_degrees")
            what = f"updates are {angle} degrees from backprop's in the mean"
        ratio = metrics["timing"]["by_method"][method]["time_ratio_to_backprop"]
        lines.append(f"{name}: {what}; one takes {ratio:.2f} times as long as backprop's.")
    accuracy = ", ".join(
        f"{NAMES[method]} {100 * statistics.fmean(values):.2f} %"
        for method in NAMES
        if (values := _all_seeds(metrics, method, "accuracy"))
    )
    lines.append(
        f"Test accuracy after {metrics['steps']} updates ({metrics['n_test']} images of "
        f"{metrics['dataset']}): {accuracy}."
    )
    return "\n".join(f"- {line[0].upper()}{line[1:]}" for line in lines)


def _all_seeds(metrics, method, key):
    return [run[key] for run in metrics["runs"] if run["method"] == method]


def _largest(metrics, method, key):
    """The largest value of all seeds, as text."""
    values = _all_seeds(metrics, method, key)
    return "an unknown part" if None in values else _difference(max(values))


def _setup(metrics, seeds):
    options = metrics["training_options"]
    batch_norm = ", batch norm" if options["backprop"]["batch_norm"] else ""
    rows = {
        "network": f"{metrics['network']}, SoftLIF{batch_norm}",
        "loss": options["backprop"]["loss"],
        "optimizer": f"{metrics['optimizer']}, learning rate {metrics['learning_rate']:g}, "
        f"{options['backprop']['schedule']} schedule",
        "dropout": options["backprop"]["dropout"],
        "updates": f"{metrics['steps']}, minibatches of {metrics['batch_size']}",
        "numbers": metrics["dtype"],
        "data set": f"{metrics['dataset']}: {metrics['n_train']} training, "
        f"{metrics['n_validation']} validation and {metrics['n_test']} test images",
        "seeds": ", ".join(map(str, seeds)),
        "nengo-pc": metrics["version"],
    }
    for method, _, meaning in METHODS:
        if method in options:
            steps, rate = (options[method][f"inference_{key}"] for key in ("steps", "rate"))
            values = f" (T = {steps}, rate {rate:g})" if steps else ""
            rows[method] = f"{NAMES[method]}: {meaning}{values}"
    rows = [{"name": name, "value": str(value)} for name, value in rows.items()]
    return analysis.table(rows, {"name": "", "value": ""})


def _notes(metrics):
    """How to read the table."""
    text = (
        "Intervals are Wilson's (1927) and take the test images as the sample. Differences are "
        "relative, `max |a - b| / max |b|` of each array, the largest over all arrays and logged "
        "updates; b is backprop's. *Updates*: what a rule gives its optimizer against backprop's "
        "gradient at the same parameters and on the same minibatch. *Angle*: between the two over "
        "all weights, mean over all logged updates. *Parameters*: where the rule is against "
        "where backprop is after the same number of minibatches. Times were measured in turn, on "
        "the first seed."
    )
    if any(run["method"] == "ipc" for run in metrics["runs"]):
        text += (
            " iPC's optimizer steps several times a minibatch: its update is the sum of the "
            "gradients of all steps, and since this sum has another scale, both it and backprop's "
            "gradient are divided by their Euclidean length before they are compared."
        )
    ratio = metrics["timing"]["il_20_to_20_backprop"]
    if ratio is not None:
        text += (
            f" One update of inference learning with T = 20 takes {ratio:.2f} times as long as 20 "
            "updates of backprop."
        )
    return text


def _difference(value):
    """A number of any size with three significant digits."""
    return None if value is None else f"{value:.3g}"
