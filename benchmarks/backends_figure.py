"""The figure of docs/performance.md, from what ``benchmarks/backends.py --out`` wrote.

python benchmarks/backends_figure.py backends.json docs/images/performance
"""

import argparse
import json

import numpy as np
from matplotlib.ticker import FuncFormatter

from nengo_pc.analysis.figure_files import save_figure
from nengo_pc.analysis.style import line_styles, new_figure, tidy

COMPILED = ", compiled"


def points(results, network, x, y):
    """Points of each backend, by name, in order of what is on the x axis.

    Parameters
    ----------
    results : list of dict
        Of a section.
    network : str
    x : str
        Entry of the task.
    y : callable
        From a task and the median time of a run in s.
    """
    found = {}
    for result in results:
        task = result["task"]
        if task["network"] == network and not result["error"]:
            value = y(task, float(np.median(result["wall"])))
            found.setdefault(task["name"], {})[task[x]] = value
    return {name: sorted(values.items()) for name, values in found.items()}


def figure_of(sections):
    """Images a second over minibatch sizes, time per step over numbers of neurons."""
    figure = new_figure(9.5, 3.8)
    images, neurons = figure.subplots(1, 2)
    speeds = {}
    for section in ("images", "libraries"):
        of_section = points(
            sections[section]["results"], "mlp", "batch", lambda task, s: task["batch"] / s
        )
        speeds = of_section | speeds  # backends as in the section of their own
    speeds.pop("dl, merged", None)
    growing = [
        result
        for result in sections["scaling"]["results"]
        if result["task"]["n_probed"] < result["task"]["n_neurons"]
    ]
    times = points(growing, "sparse", "n_neurons", lambda task, s: 1e3 * s / task["steps"])
    # Fastest first, as the curves lie.
    speeds = dict(sorted(speeds.items(), key=lambda item: -item[1][-1][1]))
    styles = line_styles(name for name in (*times, *speeds) if not name.endswith(COMPILED))
    for name in speeds:
        if name.endswith(COMPILED):
            plain = styles[name.removesuffix(COMPILED)]
            styles[name] = plain | {"linestyle": ":", "markerfacecolor": "white"}
    for axes, curves in ((images, speeds), (neurons, times)):
        for name, curve in curves.items():
            axes.plot(*zip(*curve), label=name, markersize=5, **styles[name])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.grid(color="0.9", linewidth=0.8)
        tidy(axes)
    images.set_xlabel("images at a time")
    images.set_ylabel("images/s (784-300-300-10, 100 steps)")
    images.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    neurons.axhline(1, color="0.6", linewidth=1)
    neurons.annotate("real time", (1e3, 1), textcoords="offset points", xytext=(0, 3), fontsize=8)
    neurons.set_xlabel("LIF neurons, ten connections onto each")
    neurons.set_ylabel("ms per step of 1 ms")
    neurons.legend(fontsize=8, frameon=False)
    return figure


def main():
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("json", help="what benchmarks/backends.py --out wrote")
    parser.add_argument("figure", help="path of the figure, without suffix")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        save_figure(figure_of(json.load(file)["sections"]), arguments.figure)


if __name__ == "__main__":
    main()
