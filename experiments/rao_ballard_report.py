"""Figures and report of ``run_rao_ballard.py``."""

import numpy as np

from nengo_pc import analysis
from nengo_pc.analysis.results import METRICS_FILE, to_json
from nengo_pc.networks.files import whole_file

from .image_measures import principal_components

N_SHOWN = 12
DISTRIBUTED = (
    " This layer has no prior of its own, only the prediction from above, so that nothing makes "
    "its fields sparse or local."
)


def by_contrast(images, n):
    """At most n images, evenly from the one of median contrast to the one of the most."""
    order = np.argsort(images.std(axis=(1, 2)), kind="stable")[len(images) // 2 :]
    return images[order[np.linspace(0, len(order) - 1, min(n, len(order))).astype(int)]]


def draw(network, images, measured):
    """Figures of one data set, with captions, by name."""
    from nengo_pc.analysis import plot_energy, plot_images

    name, n_layers = images.name, len(measured["reconstruction"])
    shape = images.mean.shape
    figures = {}
    for layer in range(1, n_layers + 1):
        what = "columns of U_1" if layer == 1 else f"what each cause of layer {layer} predicts"
        figures[f"{name}-fields-{layer}"] = (
            plot_images.fields(network.fields(layer), shape),
            f"{name}, fields of layer {layer}: {what}, each on its own grey scale (grey is 0)."
            + (DISTRIBUTED if layer < n_layers else ""),
        )
    shown = by_contrast(images.test, N_SHOWN)
    basis = principal_components(images.train)[:, : network.sizes[1]]
    flat = shown.reshape(len(shown), -1)
    rows = {"test images": shown}
    for layer in range(1, n_layers + 1):
        text = f"from {network.sizes[layer]} causes of layer {layer}"
        rows[text] = network.reconstruct(shown, layer=layer)
    rows[f"from {network.sizes[1]} principal components"] = (flat @ basis @ basis.T).reshape(
        shown.shape
    )
    figures[f"{name}-reconstructions"] = (
        plot_images.reconstructions({k: v + images.mean for k, v in rows.items()}),
        f"{name}: held-out images, from median contrast to the most, and what their causes "
        "predict.",
    )
    course = dict(measured["free_energy"]["course"])
    steps = course.pop("step")
    course = {_term(key): values for key, values in course.items()}
    figures[f"{name}-relaxation"] = (
        plot_energy.free_energy(steps, course, "step of the values"),
        f"{name}: free energy of test images while their causes are inferred, after learning.",
    )
    history = measured["history"]
    terms = {_term(key): [e["terms"][key] for e in history] for key in history[0]["terms"]}
    terms["total"] = [e["free_energy"] for e in history]
    figures[f"{name}-learning"] = (
        plot_energy.free_energy([e["epoch"] for e in history], terms, "epoch"),
        f"{name}: free energy of training images over learning, with inferred causes.",
    )
    return figures


def _term(key):
    """What a reader calls a term of the free energy."""
    if key == "total":
        return key
    kind, layer = key.split()
    return f"{kind} of the image" if layer == "0" else f"{kind} of layer {layer}"


def summary(measured):
    """What one run came to, in one sentence."""
    energy, first = measured["free_energy"], measured["reconstruction"][0]
    return (
        f"{measured['network']} on {measured['dataset']}: free energy of {measured['n_test']:,} "
        f"test images from {energy['before']['total']:.1f} to {energy['after']['total']:.1f} nats; "
        f"{first['n_causes']} causes explain {first['variance_explained']:.1%} of their variance, "
        f"as many principal components {first['pca']['variance_explained']:.1%}."
    )


def report(metrics, captions):
    """The report as Markdown."""
    lines = ["# Predictive coding of images", "", *_paragraphs(metrics["runs"])]
    numbers = {name: f"Figure {number}" for number, name in enumerate(captions, start=1)}
    for measured in metrics["runs"]:
        rows = [
            {
                "causes": f"layer {r['layer']} ({r['n_causes']})",
                "mean squared error": f"{r['mean_squared_error']:.4f}",
                "variance explained": f"{r['variance_explained']:.1%}",
                "by principal components": f"{r['pca']['variance_explained']:.1%}",
                "excess kurtosis": "" if r["kurtosis"] is None else f"{r['kurtosis']:.1f}",
            }
            for r in measured["reconstruction"]
        ]
        before, after = (measured["free_energy"][k] for k in ("before", "after"))
        terms = [
            {"term": _term(k), "before learning": f"{before[k]:.2f}", "after": f"{after[k]:.2f}"}
            for k in before
        ]
        name = measured["dataset"]
        lines += [
            f"## {name}",
            "",
            f"{measured['n_train']:,} images to learn from, {measured['epochs']} epochs, "
            f"{measured['seconds']['train']:.0f} s; {measured['n_test']:,} held out.",
            "",
            _table(rows),
            "",
            "No linear basis of that size explains more variance of the images it was made from "
            "than principal components do; a prior and its sparse causes cost some of it.",
            "",
            "Free energy of the images held out, in nats per image:",
            "",
            _table(terms),
            "",
        ]
        for figure, caption in captions.items():
            if figure.startswith(f"{name}-"):
                number = numbers[figure]
                lines += [f"![{number}]({figure}.png)", "", f"**{number}.** {caption}", ""]
    lines += ["## Reproduce", "", "```sh", metrics["command"], "```", ""]
    return "\n".join(lines)


def _paragraphs(runs):
    lines = []
    for measured in runs:
        lines += [summary(measured), ""]
        if measured["dataset_notice"]:
            lines += [f"> {measured['dataset_notice']}", ""]
    return lines


def _table(rows):
    return analysis.table(rows, {name: name for name in rows[0]})


def write(folder, metrics, figures):
    """Write figures, report and, last, metrics, each file whole or not at all."""
    from nengo_pc.analysis.figure_files import figure_bytes

    contents = {}
    for name, (figure, _) in figures.items():
        for suffix, content in figure_bytes(figure).items():
            contents[f"{name}{suffix}"] = content
    captions = {name: caption for name, (_, caption) in figures.items()}
    contents["report.md"] = report(metrics, captions).encode()
    contents[METRICS_FILE] = to_json(metrics).encode()
    for name, content in contents.items():
        with whole_file(folder / name) as temporary:
            temporary.write_bytes(content)
