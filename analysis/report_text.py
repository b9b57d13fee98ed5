"""The words of a report. `nengo_pc.analysis.report` writes them to a file."""

from nengo_pc.analysis.metrics import always_same_class
from nengo_pc.analysis.report_tables import (
    SETUP,
    accuracy_table,
    activity_table,
    condition,
    cost_table,
    distinct,
    interval,
    percent_spread,
    run_label,
    seeds_table,
    setup_table,
)
from nengo_pc.analysis.results import runs_of
from nengo_pc.analysis.summary import summarise

GROUP = ("network", "encoder", "backend", "method")
REQUIRED = ("experiment", "network", "backend", "seed", "dataset", "n_test", "accuracy")
MAX_LINES = 6

CAPTIONS = {
    "training_curves": "Loss and classification error of the rate network in training.",
    "accuracy_over_time": (
        "Classification error if the presentation were cut short at each time, the answer being "
        "the largest running mean of the output. Dotted: the rate network."
    ),
    "rasters": "One test image, the spikes of each layer while it is shown, and the outputs.",
    "digit": "One test image.",
    "confusion": "Test images by true and answered class; blank is zero.",
    "confusion_matrix": "Test images by true and answered class; blank is zero.",
    "class_histogram": "How often each class is shown and answered.",
    "rate_histograms": "Distribution over neurons of the mean firing rate, by layer.",
}


def report_text(metrics, captions):
    """Give a report in Markdown.

    Parameters
    ----------
    metrics : dict
        Plain metrics of one run, or shared keys and a list ``runs``; see
        :func:`~nengo_pc.analysis.report.write_report`.
    captions : dict of str to (str or None)
        Caption of each figure by file name without suffix; None for the usual one.

    Returns
    -------
    str
        The report.

    Raises
    ------
    ValueError
        If a run lacks one of the keys ``experiment``, ``network``, ``backend``, ``seed``,
        ``dataset``, ``n_test`` and ``accuracy``.
    """
    runs = runs_of(metrics)
    for index, run in enumerate(runs):
        missing = [key for key in REQUIRED if run.get(key) is None]
        if missing:
            raise ValueError(f"run {index} of metrics lacks {missing}; wanted {list(REQUIRED)}")
    varied = [key for key in SETUP if any(run.get(key) != runs[0].get(key) for run in runs)]
    by = (*GROUP, *(key for key in varied if key not in GROUP))
    summaries = summarise(runs, by=by)

    sections = [
        f"# {runs[0]['experiment']}",
        _headline(runs, summaries, varied, by),
        _notices(runs),
        _commands(runs),
        _substitutions(runs),
        _warnings(runs, varied),
        setup_table(runs, varied),
        accuracy_table(runs, varied),
        seeds_table(summaries, varied),
        activity_table(runs, varied),
        cost_table(runs, varied),
        _figures(captions),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(runs, summaries, varied, by):
    """Say in a paragraph what came out."""
    first = runs[0]
    images = f"{first['n_test']} test images of {first['dataset']}"
    network = f"network {first['network']}" + (
        f", trained by {first['method']}," if first.get("method") else ""
    )
    if len(summaries) == 1:
        encoder = f" with the {first['encoder']} encoder" if first.get("encoder") else ""
        return (
            f"The {network} classifies {_in_spikes(runs, summaries[0], by)} of {images} in spikes, "
            f"on the {first['backend']} backend{encoder}{_as_rates(summaries[0], '. A')}."
        )
    if len(summaries) > MAX_LINES:
        order = sorted(summaries, key=lambda summary: summary["accuracy"]["mean"])
        ends = [f"{_in_spikes(runs, s, by)} for {_name(s, varied)}" for s in (order[0], order[-1])]
        return (
            f"Accuracy in spikes over {len(summaries)} conditions goes from {ends[0]} to "
            f"{ends[1]}. All are listed below."
        )
    subject = "Accuracy in spikes"
    if not {"network", "method"} & set(varied):
        subject += f" of the {network}"
    if not {"n_test", "dataset"} & set(varied):
        subject += f" on {images}"
    lines = [
        f"- {_name(summary, varied)}: {_in_spikes(runs, summary, by)}{_as_rates(summary, '; a')}"
        for summary in summaries
    ]
    return f"{subject}:\n\n" + "\n".join(lines)


def _name(summary, varied):
    """Name a condition by what it does not share with the others."""
    cells = condition(summary, varied)
    return ", ".join([cells.pop("backend"), *(f"{key} {value}" for key, value in cells.items())])


def _in_spikes(runs, summary, by):
    """Give the spiking accuracy of one condition with its uncertainty."""
    value = f"{percent_spread(summary['accuracy'])} %"
    members = [run for run in runs if all(run.get(key) == summary[key] for key in by)]
    if summary["n_seeds"] > 1:
        seeds = ", ".join(map(str, summary["seeds"]))
        return f"{value} (mean ± standard deviation over the seeds {seeds})"
    ends = members[0].get("confidence_interval")
    if ends is None or len(members) > 1:
        return f"{value} (seed {summary['seeds'][0]})"
    return f"{value} (95 % Wilson interval {interval(ends, ' to ')} %, seed {summary['seeds'][0]})"


def _as_rates(summary, joint):
    """Give the rate accuracy of one condition and what the spikes cost, if it is known.

    ``joint`` joins it to the words before, up to the first letter of "as".
    """
    if summary["rate_accuracy"] is None:
        return ""
    loss = 100 * summary["conversion_loss"]["mean"]
    return (
        f"{joint}s a rate network it reaches {percent_spread(summary['rate_accuracy'])} %: "
        f"spikes {'lose' if loss >= 0 else 'gain'} {abs(loss):.2f} points"
    )


def _notices(runs):
    """Repeat what the data set has to say of itself."""
    return "\n\n".join(f"> {n}" for n in distinct(run.get("dataset_notice") for run in runs))


def _commands(runs):
    """Say how to get the same again."""
    commands = distinct(run.get("command") for run in runs)
    if not commands:
        return "The command that made this report was not recorded."
    return "To reproduce:\n\n```sh\n" + "\n".join(commands) + "\n```"


def _substitutions(runs):
    """Say what a backend ran in place of what was asked."""
    by_backend = {}
    for run in runs:
        by_backend.setdefault(run["backend"], []).extend(run.get("substitutions") or [])
    lines = [
        f"- {backend}: {'; '.join(distinct(substitutions))}"
        for backend, substitutions in by_backend.items()
        if substitutions
    ]
    if not lines:
        return None
    return (
        "**Substitutions.** These backends did not run the network as it was built, and their "
        "numbers are those of the substitutes:\n\n" + "\n".join(lines)
    )


def _warnings(runs, varied):
    """Name the failures that an accuracy alone can hide."""
    lines = []
    for run in runs:
        where = ", ".join(f"{key} {value}" for key, value in run_label(run, varied).items())
        for layer, dead in (run.get("dead_neurons") or {}).items():
            if dead >= 1:
                lines.append(f"- {where}: no neuron of layer {layer} fired for any image.")
        histogram, labels = run.get("class_histogram"), _labels_histogram(run)
        if histogram and sum(histogram) and always_same_class(histogram):
            answer = histogram.index(max(histogram))
            # Not a failure where nearly all images are of that class.
            if labels is None or labels[answer] < 0.9 * sum(labels):
                share = histogram[answer] / sum(histogram)
                lines.append(f"- {where}: {share:.1%} of all answers are class {answer}.")
    return "## Warnings\n\n" + "\n".join(lines) if lines else None


def _figures(captions):
    """Show each figure with its caption."""
    if not captions:
        return None
    lines = ["## Figures"]
    for number, (name, caption) in enumerate(captions.items(), start=1):
        caption = caption or CAPTIONS.get(name) or f"{name.replace('_', ' ').capitalize()}."
        lines.append(f"![Figure {number}]({name}.png)")
        lines.append(f"**Figure {number}.** {caption} ([SVG]({name}.svg))")
    return "\n\n".join(lines)


def _labels_histogram(run):
    """Give the images of each class, where the confusion matrix tells."""
    matrix = run.get("confusion_matrix")
    return None if matrix is None else [sum(row) for row in matrix]
