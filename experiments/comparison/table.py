"""The comparison as rows: cells that differ only in their seed, taken together."""

import statistics
from dataclasses import dataclass

from nengo_pc import analysis
from nengo_pc.analysis.plausibility import PROBLEMS

from .cells import Cell, conditions_of, name_of


@dataclass(frozen=True)
class Row:
    """What the seeds of one combination came to.

    Attributes
    ----------
    cell : Cell
        Of the first seed.
    results : dict of int to dict
        By seed, those that are done.
    failures : tuple of (int, str, dict)
        Seed, backend ("" for the training) and what failed.
    """

    cell: Cell
    results: dict
    failures: tuple

    @property
    def name(self):
        """The method, and what is not usual of it."""
        return name_of(self.cell)

    @property
    def conditions(self):
        """Optimizer and batch norm."""
        return conditions_of(self.cell)

    def by_seed(self, value):
        """A value of each seed that has it; ``value`` is called with a result.

        Returns
        -------
        dict of int to float
        """
        found = {seed: value(result) for seed, result in self.results.items()}
        return {seed: v for seed, v in found.items() if v is not None}

    def rate(self):
        """Rate accuracy by seed, as a fraction."""
        return self.by_seed(lambda result: result["rate_accuracy"])

    def spiking(self, backend):
        """Spiking accuracy by seed, as a fraction."""
        return self.score(backend, lambda score: score["accuracy"])

    def loss(self, backend):
        """Rate less spiking accuracy by seed, as a fraction."""
        rate, spiking = self.rate(), self.spiking(backend)
        return {seed: rate[seed] - spiking[seed] for seed in spiking}

    def score(self, backend, value):
        """A value of what each seed did in spikes on a backend."""
        return self.by_seed(
            lambda result: value(result["scores"][backend]) if backend in result["scores"] else None
        )

    @property
    def verdicts(self):
        """The audit: verdict by problem, or None if no seed is done."""
        for result in self.results.values():
            return {problem: result["audit"][problem]["verdict"] for problem in PROBLEMS}
        return None

    @property
    def solved(self):
        """How many of the problems are solved in full, or None."""
        verdicts = self.verdicts
        return None if verdicts is None else sum(v == "yes" for v in verdicts.values())


def rows_of(cells, results):
    """Group cells into rows, in the order in which they come.

    Parameters
    ----------
    cells : sequence of Cell
    results : sequence of dict
        One for each cell.

    Returns
    -------
    list of Row
    """
    groups = {}
    for cell, result in zip(cells, results, strict=True):
        groups.setdefault(cell.row_key, []).append((cell, result))
    rows = []
    for members in groups.values():
        done = {c.seed: r for c, r in members if r["status"] == "done"}
        failures = [(c.seed, "", r) for c, r in members if r["status"] != "done"]
        failures += [
            (seed, backend, failed)
            for seed, result in done.items()
            for backend, failed in result["failed_backends"].items()
        ]
        rows.append(Row(members[0][0], done, tuple(failures)))
    return rows


def lines_of(rows, timing=True):
    """The lines of the full table: one for each row and backend.

    Parameters
    ----------
    rows : sequence of Row
    timing : bool
        With what depends on the machine.

    Returns
    -------
    list of dict
        Text and numbers; ``(mean, sd)`` for what varies over seeds, sd None for one seed. None
        where there is nothing.
    """
    lines = []
    for row in rows:
        cell = row.cell
        first = next(iter(row.results.values()), {})
        common = {
            "method": cell.method,
            "feedback": cell.feedback,
            "derivative": cell.derivative,
            "optimizer": cell.optimizer,
            "batch norm": "yes" if cell.batch_norm else "no",
            "activation": cell.activation,
            "network": first.get("network"),
            "parameters": first.get("n_parameters"),
            "seeds": len(row.results),
            "failed": len(row.failures),
            "rate": spread(row.rate()),
            "verdicts": row.verdicts,
            "solved": row.solved,
        }
        if timing:
            common["training_s"] = spread(row.by_seed(lambda r: r["seconds_train"]))
            common["ms"] = spread(row.by_seed(lambda r: r["ms_per_update"]))
        lines += [common | _in_spikes(row, backend) for backend in cell.backends or (None,)]
    return lines


def _in_spikes(row, backend):
    """The part of a line that a backend decides."""
    first = next((r["scores"][backend] for r in row.results.values() if backend in r["scores"]), {})
    layers = [name for name in first.get("mean_rate_hz", {}) if name != "encoder"]
    return {
        "backend": backend,
        "images": row.cell.n_test,
        "spiking": spread(row.spiking(backend)),
        "loss": spread(row.loss(backend)),
        "hz": [
            spread(row.score(backend, lambda s, n=name: s["mean_rate_hz"][n])) for name in layers
        ],
        "spikes": spread(row.score(backend, lambda s: s["spikes_per_image"])),
        "synops": spread(row.score(backend, lambda s: s["synops_per_image"])),
        "energy_45nm": spread(row.score(backend, lambda s: s["energy"]["ratio_45nm"])),
        "energy_devices": spread(row.score(backend, device_ratio)),
        "time_ms": spread(
            row.score(backend, lambda s: _scaled(s["time_to_99_percent_s"], 1e3)),
        ),
        "substitutions": first.get("substitutions", []),
    }


def device_ratio(score):
    """Energy of the ReLU net on the GPU over that of the spiking network on Loihi."""
    energy = score["energy"]
    spiking = energy["spiking_j"]["loihi"]
    return energy["relu_j"]["gpu"] / spiking if spiking else None


def _scaled(value, factor):
    return None if value is None else factor * value


def spread(by_seed):
    """Mean and standard deviation over seeds, ``(mean, sd)``; None if there are none."""
    values = list(by_seed.values())
    if not values:
        return None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def runs_for_metrics(cells, results):
    """What ``metrics.json`` has under ``runs``: one for each cell and backend.

    Parameters
    ----------
    cells : sequence of Cell
    results : sequence of dict

    Returns
    -------
    list of dict
    """
    runs = []
    for cell, result in zip(cells, results, strict=True):
        common = {
            "cell": cell.key,
            "seed": cell.seed,
            "method": name_of(cell),
            "optimizer": cell.optimizer,
            "batch_norm": cell.batch_norm,
            "activation": cell.activation,
            "feedback": cell.feedback,
            "derivative": cell.derivative,
            "dt": cell.dt,
            "presentation_time": cell.presentation_time,
            "encoder": cell.encoder,
            "synapse": f"{'low-pass' if cell.is_online else 'alpha'}, {1000 * cell.synapse:g} ms",
            "n_test": cell.n_test,
            "status": result["status"],
        }
        if result["status"] != "done":
            runs.append(common | {"backend": None, "accuracy": None, **result})
            continue
        common |= {
            name: result[name]
            for name in ("network", "n_parameters", "n_train", "rate_accuracy", "ms_per_update")
        }
        common["audit"] = {p: found["verdict"] for p, found in result["audit"].items()}
        train = {"train": result["seconds_train"]}
        if not cell.backends:
            runs.append(common | {"backend": None, "accuracy": None, "seconds": train})
        for score in result["scores"].values():
            run = common | score
            run["seconds"] = train | score["seconds"]
            run["conversion_loss"] = analysis.conversion_loss(run)
            runs.append(run)
        for backend, failed in result["failed_backends"].items():
            runs.append(common | {"backend": backend, "accuracy": None, **failed})
    return runs
