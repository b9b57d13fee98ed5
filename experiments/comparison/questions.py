"""The three research questions, answered in numbers of one comparison and in careful words."""

import statistics
from dataclasses import dataclass

from nengo_pc.analysis.paired import paired_difference
from nengo_pc.analysis.plausibility import PROBLEMS
from nengo_pc.analysis.tables import MISSING

from .columns import number
from .table import device_ratio, spread


@dataclass(frozen=True)
class Comparison:
    """One row against the baseline under the same conditions.

    Attributes
    ----------
    row, baseline : Row
    rate, spiking : MeanInterval or None
        Differences of accuracies over shared seeds, as fractions, ours less the baseline's.
    """

    row: object
    baseline: object
    rate: object
    spiking: object


def compare(rows, grid):
    """Compare each row with the baseline's of the same optimizer and batch norm.

    Those that learn on line, and other activations, are compared with the baseline's first row.

    Parameters
    ----------
    rows : sequence of Row
    grid : Grid

    Returns
    -------
    list of Comparison
    """
    backend = grid.backends[0]
    baselines = {row.conditions: row for row in rows if is_baseline(row, grid)}
    first = first_baseline(rows, grid)
    compared = []
    for row in rows:
        baseline = first if row.cell.is_online else baselines.get(row.conditions)
        if baseline is None or row is baseline or not row.results:
            continue
        rate = paired_difference(row.rate(), baseline.rate())
        spiking = paired_difference(row.spiking(backend), baseline.spiking(backend))
        if rate is not None:
            compared.append(Comparison(row, baseline, rate, spiking))
    return compared


def is_baseline(row, grid):
    """Whether a row is of the baseline, whatever the optimizer and batch norm."""
    cell, (feedback, derivative, _, _, activation) = row.cell, grid.first
    return cell.method == grid.baseline and (
        cell.is_online
        or (cell.feedback, cell.derivative, cell.activation) == (feedback, derivative, activation)
    )


def first_baseline(rows, grid):
    """The baseline's row with all first settings, or None."""
    for row in rows:
        if is_baseline(row, grid) and is_first(row, grid):
            return row
    return None


def is_first(row, grid):
    """Whether optimizer and batch norm are the first ones, or there are none."""
    cell = row.cell
    return cell.is_online or (cell.optimizer, cell.batch_norm) == grid.first[2:4]


def percent(values):
    """``97.56 ± 0.19 %`` of accuracies by seed, or of their ``(mean, sd)``."""
    mean, sd = spread(values) if isinstance(values, dict) else values
    return f"{100 * mean:.2f}" + ("" if sd is None else f" ± {100 * sd:.2f}") + " %"


def differs(difference, other):
    """A difference in words: its size, its interval, and what that tells.

    Parameters
    ----------
    difference : MeanInterval or None
    other : str
        What it differs from.
    """
    if difference is None:
        return f"cannot be compared with {other}: no seed is done in both"
    points = f"differs by {_points(difference.mean)} points from {other}"
    if difference.n == 1:
        return f"{points} in the one seed there is, which gives no interval"
    if difference.sd == 0 and difference.mean == 0:
        return f"equals {other} in each of {difference.n} seeds"
    interval = f"{_points(difference.low)} to {_points(difference.high)}"
    told = "" if difference.excludes_zero else ", which contains 0: not told from chance"
    return f"{points} (95 % interval {interval}, {difference.n} seeds{told})"


def _points(fraction):
    return number(100 * fraction, 2, "+")


def what_spikes_cost(rows, grid):
    """Sentences on the first question.

    Returns
    -------
    list of str
    """
    backend, said = grid.backends[0], []
    spiking = [row for row in rows if row.spiking(backend)]
    if not spiking:
        return ["No network was run in spikes."]
    row = first_baseline(rows, grid)
    if row is None or not row.spiking(backend):
        row = spiking[0]
    loss = paired_difference(row.spiking(backend), row.rate())
    said.append(
        f"{row.name} ({row.conditions}) has {percent(row.rate())} in rates and "
        f"{percent(row.spiking(backend))} in spikes of {row.cell.n_test} test images. Accuracy in "
        f"spikes {differs(loss, 'that in rates')}."
    )
    losses = {(r.name, r.conditions): spread(r.loss(backend))[0] for r in spiking}
    low, high = min(losses, key=losses.get), max(losses, key=losses.get)
    if len(losses) > 1:
        said.append(
            f"Over the {len(losses)} rows that run in spikes, rate less spiking accuracy is "
            f"{_points(statistics.fmean(losses.values()))} points in the mean, from "
            f"{_points(losses[low])} ({low[0]}, {low[1]}) to {_points(losses[high])} "
            f"({high[0]}, {high[1]}). One image is {100 / row.cell.n_test:.2f} points."
        )
    times = row.score(backend, lambda score: score["time_to_99_percent_s"])
    if times:
        said.append(
            f"Cut short, a presentation to {row.name} reaches 99 % of its final accuracy after "
            f"{_number(times, 1e3)} of {1e3 * row.cell.presentation_time:g} ms."
        )
    said.append(_energy(row, backend))
    said += _backends(rows, grid)
    return said


def _energy(row, backend):
    spikes = row.score(backend, lambda score: score["spikes_per_image"])
    synops = row.score(backend, lambda score: score["synops_per_image"])
    arithmetic = row.score(backend, lambda score: score["energy"])
    ratio = {seed: e["ratio_45nm"] for seed, e in arithmetic.items() if e["ratio_45nm"]}
    text = (
        f"An image takes {row.name} {_number(spikes, 1)} spikes and {_number(synops, 1)} synaptic "
        "operations. "
    )
    if ratio:
        text += (
            f"At 45 nm, the ReLU net of the same shape takes {_number(ratio, 1)} times the energy "
            "of the spiking one for the arithmetic of synapses; updates of neurons are left out "
            "there. "
        )
    devices = row.score(backend, device_ratio)
    if devices:
        text += (
            f"With them, the ReLU net on a GPU takes {_number(devices, 1)} times the energy of the "
            "spiking net on Loihi. Both are counts times published constants, not measurements."
        )
    return text


def _backends(rows, grid):
    """What the backends say of the same networks."""
    said = []
    for row in rows:
        names = [name for name in row.cell.backends if row.spiking(name)]
        if len(names) < 2:
            continue
        base = row.spiking(names[0])
        listed = ", ".join(f"{name} {percent(row.spiking(name))}" for name in names)
        worst = max(
            abs(value - base[seed])
            for name in names[1:]
            for seed, value in row.spiking(name).items()
            if seed in base
        )
        said.append(
            f"The same parameters on {len(names)} backends ({row.name}, {row.conditions}): "
            f"{listed}. No seed differs from {names[0]} by more than {100 * worst:.2f} points, "
            f"{round(worst * row.cell.n_test)} of {row.cell.n_test} images."
        )
    return said


def is_pc_as_good(compared, grid):
    """Sentences on the second question.

    Parameters
    ----------
    compared : list of Comparison
    grid : Grid

    Returns
    -------
    list of str
    """
    plain = [c for c in compared if _has_first_rule(c.row, grid)]
    said = []
    for name in dict.fromkeys(c.row.cell.method for c in plain):
        own = [c for c in plain if c.row.cell.method == name]
        first = next((c for c in own if is_first(c.row, grid)), own[0])
        of_baseline = f"that of {grid.baseline}"
        text = f"{name} ({first.row.conditions}): rate accuracy {differs(first.rate, of_baseline)}."
        if len(own) > 1:
            means = [c.rate.mean for c in own]
            text += (
                f" Under all {len(own)} conditions the mean difference is from "
                f"{_points(min(means))} to {_points(max(means))} points."
            )
        said.append(text)
        if name == "zil":
            said += _equality(own)
    several = [c for c in plain if c.rate.n > 1]
    if several:
        told = sum(c.rate.excludes_zero for c in several)
        said.append(
            f"Of {len(several)} intervals in the table below, {told} exclude 0. They are 95 % "
            "each, not corrected for their number, and those of few seeds are wide: an interval "
            "with 0 in it is no proof of equality."
        )
    return said or [f"There is nothing to compare with {grid.baseline}."]


def _has_first_rule(row, grid):
    cell, (feedback, derivative, _, _, activation) = row.cell, grid.first
    return not cell.is_online and (cell.feedback, cell.derivative, cell.activation) == (
        feedback,
        derivative,
        activation,
    )


def _equality(compared):
    """How far training losses of Z-IL are from backprop's, epoch by epoch."""
    first, last = [], []
    for c in compared:
        for seed, result in c.row.results.items():
            other = c.baseline.results.get(seed)
            if other is None:
                continue
            for entries, index in ((first, 0), (last, -1)):
                ours, theirs = (r["history"][index]["loss"] for r in (result, other))
                entries.append(abs(ours - theirs) / abs(theirs))
    if not first:
        return []
    return [
        f"The training losses of zil and {compared[0].baseline.name} differ by at most "
        f"{max(first):.1g} of themselves in the first epoch and {max(last):.1g} in the last, over "
        f"{len(first)} pairs of runs in float32, in which rounding grows as training goes on."
        if max(first) < 1e-3
        else f"The training losses of zil and {compared[0].baseline.name} differ by up to "
        f"{max(first):.1g} of themselves in the first epoch, more than rounding explains."
    ]


def difference_table(compared, grid):
    """One line for each row that is compared in the second question.

    Returns
    -------
    list of list of str
        Method, conditions, seeds, difference in rates and its interval, the same in spikes.
    """
    lines = []
    for c in compared:
        if not _has_first_rule(c.row, grid):
            continue
        line = [c.row.name, c.row.conditions, str(c.rate.n)]
        for difference in (c.rate, c.spiking):
            if difference is None:
                line += [MISSING, MISSING]
                continue
            interval = MISSING
            if difference.sd == 0 and difference.mean == 0:
                interval = "equal in each"
            elif difference.low is not None:
                interval = f"{_points(difference.low)} to {_points(difference.high)}"
            line += [_points(difference.mean), interval]
        lines.append(line)
    return lines


def what_plausibility_costs(rows, compared, grid):
    """Sentences on the third question.

    Returns
    -------
    list of str
    """
    backend, said = grid.backends[0], []
    judged = [c for c in compared if c.spiking is not None and is_first(c.row, grid)]
    baseline = first_baseline(rows, grid)
    if baseline is None or baseline.solved is None or not judged:
        return ["There is nothing to compare."]
    total = len(PROBLEMS)
    said.append(
        f"{baseline.name} solves {baseline.solved} of the {total} problems of the audit in full, "
        f"with {percent(baseline.spiking(backend))} in spikes."
    )
    for c in sorted(judged, key=lambda c: (c.row.solved, c.spiking.mean)):
        if c.row.solved <= baseline.solved and not c.row.cell.is_online:
            continue
        partly = sum(v == "partly" for v in c.row.verdicts.values())
        solves = f"{c.row.solved} of {total}" + (f" and {partly} partly" if partly else "")
        said.append(
            f"{c.row.name} solves {solves}; its accuracy in spikes "
            f"{differs(c.spiking, f'that of {baseline.name}')}{_unlike(c)}."
        )
    return said


def _unlike(compared):
    """What else differs between a row and the baseline."""
    ours, theirs = compared.row, compared.baseline
    networks = [next(iter(r.results.values()))["network"] for r in (ours, theirs)]
    words = []
    if networks[0] != networks[1]:
        words.append(f"its network is {networks[0]}, not {networks[1]}")
    if ours.cell.is_online:
        words.append(f"it learns on line, without batch norm or {theirs.cell.optimizer}")
    return f" ({'; '.join(words)})" if words else ""


def _number(by_seed, factor):
    """Mean ± sd of numbers by seed, with the digits they deserve."""
    mean, sd = spread({seed: factor * value for seed, value in by_seed.items()})
    digits = 0 if abs(mean) >= 100 else 1 if abs(mean) >= 10 else 2
    return number(mean, digits) + ("" if sd is None else f" ± {number(sd, digits)}")
