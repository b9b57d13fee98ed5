"""The table of docs/results.md, from the folders that run_mnist_snn.py left.

    python benchmarks/results_table.py results/mnist_snn/*

One row per folder, method and backend: mean ± standard deviation over seeds.
"""

import statistics
import sys

from nengo_pc import analysis


def spread(values, form="{:.2f}"):
    """``mean ± sd``, or the value alone."""
    mean = form.format(statistics.fmean(values))
    return f"{mean} ± {form.format(statistics.stdev(values))}" if len(values) > 1 else mean


def rows(folder):
    """Rows of the table for one folder."""
    groups = {}
    for run in analysis.runs_of(analysis.load_metrics(folder)):
        groups.setdefault((run["method"], run["backend"]), []).append(run)
    for (method, backend), runs in groups.items():
        first = runs[0]
        yield {
            "network": first["network"],
            "method": method,
            "input": first["encoder"],
            "backend": backend,
            "rate (%)": spread([100 * run["rate_accuracy"] for run in runs]),
            "spiking (%)": spread([100 * run["accuracy"] for run in runs]),
            "loss (points)": spread([100 * analysis.conversion_loss(run) for run in runs]),
            "99 % of final (ms)": spread(
                [1e3 * run["time_to_99_percent_s"] for run in runs], "{:.0f}"
            ),
            "hidden rates (Hz)": ", ".join(
                spread([run["mean_rate_hz"][layer] for run in runs], "{:.1f}")
                for layer in first["mean_rate_hz"]
                if layer != "encoder"
            ),
            "spikes/image": spread([run["spikes_per_image"] for run in runs], "{:,.0f}"),
            "images": first["n_test"],
            "seeds": len(runs),
            "training (s)": spread([run["seconds"]["train"] for run in runs], "{:.0f}"),
            "simulation (s)": spread([run["seconds"]["simulate"] for run in runs], "{:.0f}"),
        }


if __name__ == "__main__":
    table = [row for folder in sys.argv[1:] for row in rows(folder)]
    print(analysis.table(table, {name: name for name in table[0]}))
