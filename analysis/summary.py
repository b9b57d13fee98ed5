"""Runs that differ only in their seed, taken together."""

import statistics

QUANTITIES = (
    "rate_accuracy",
    "accuracy",
    "conversion_loss",
    "time_to_99_percent_s",
    "spikes_per_image",
    "synops_per_image",
)


def summarise(runs, by=("network", "encoder", "backend", "method")):
    """Give mean and spread over seeds.

    Parameters
    ----------
    runs : sequence of dict
        Metrics of each run.
    by : sequence of str
        Keys that the runs of one group share. Runs of one group that also share the seed are
        averaged first: repeating a seed does not make another sample.

    Returns
    -------
    list of dict
        One per group, in order of appearance: the keys of ``by``, ``seeds``, ``n_seeds``, and,
        for each of ``rate_accuracy``, ``accuracy``, ``conversion_loss`` (rate less spiking
        accuracy), ``time_to_99_percent_s``, ``spikes_per_image`` and ``synops_per_image``, a
        dict with ``mean`` and ``sd`` (over seeds, ddof = 1; None for one seed), or None where a
        run of the group lacks it.

    Raises
    ------
    ValueError
        If a run has no seed.
    """
    groups = {}
    for run in runs:
        if run.get("seed") is None:
            raise ValueError(f"runs has one without a seed: {_label(run, by)}")
        groups.setdefault(_label(run, by), []).append(run)

    summaries = []
    for members in groups.values():
        seeds = list(dict.fromkeys(run["seed"] for run in members))
        summary = {key: members[0].get(key) for key in by}
        summary |= {"seeds": seeds, "n_seeds": len(seeds)}
        for quantity in QUANTITIES:
            by_seed = {seed: [] for seed in seeds}
            for run in members:
                by_seed[run["seed"]].append(_quantity(run, quantity))
            summary[quantity] = _spread(by_seed.values())
        summaries.append(summary)
    return summaries


def conversion_loss(run):
    """Give the accuracy lost between rate network and spikes.

    Parameters
    ----------
    run : dict
        Metrics of one run.

    Returns
    -------
    float or None
        Rate accuracy less spiking accuracy, as a fraction; None where one of them is unknown.
    """
    rate, spiking = run.get("rate_accuracy"), run.get("accuracy")
    return None if rate is None or spiking is None else rate - spiking


def _quantity(run, name):
    return conversion_loss(run) if name == "conversion_loss" else run.get(name)


def _label(run, by):
    """Give what tells the group of a run."""
    return ", ".join(f"{key} {run.get(key)}" for key in by)


def _spread(values_by_seed):
    """Give mean and standard deviation over seeds, or None where a value is missing."""
    values_by_seed = list(values_by_seed)
    if any(value is None for values in values_by_seed for value in values):
        return None
    means = [statistics.fmean(values) for values in values_by_seed]
    return {
        "mean": statistics.fmean(means),
        "sd": statistics.stdev(means) if len(means) > 1 else None,
    }
