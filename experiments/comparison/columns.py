"""The full table as the report shows it: columns, what they mean, and cells as text."""

from nengo_pc.analysis.plausibility import PROBLEMS
from nengo_pc.analysis.tables import MISSING

SYMBOLS = {"yes": "●", "partly": "◐", "no": "○"}
WEIGHTS = {"yes": 2, "partly": 1, "no": 0}  # for sorting
# Key of a line, heading, digits and factor of numbers (None: text), meaning.
COLUMNS = (
    ("method", "method", None, 1, "see docs/predictive_coding.md and spiking_predictive_coding.md"),
    ("feedback", "feedback", None, 1, "weights that carry errors down"),
    ("derivative", "derivative", None, 1, "factor of feedback in a neuron"),
    ("optimizer", "optimizer", None, 1, "none: weights change at every time step"),
    ("batch norm", "batch norm", None, 1, "before hidden activations, fused before scoring"),
    ("activation", "activation", None, 1, "rate curve that is trained; relu has no spikes"),
    ("network", "network", None, 1, "units from input to output"),
    ("parameters", "parameters", 0, 1, "weights and biases that are learned and run"),
    ("seeds", "seeds", 0, 1, "that are done"),
    (
        "training_s",
        "training (s)",
        1,
        1,
        "wall-clock time of all updates, compilation included, on whatever else ran beside it",
    ),
    (
        "ms",
        "ms / update",
        2,
        1,
        "median over epochs but the first, of one minibatch; on line the mean, of one presentation "
        "of a minibatch",
    ),
    (
        "rate",
        "rate (%)",
        2,
        100,
        "accuracy of the rate network on the test images; for what learned on line, its "
        "parameters in LIF rates with pixels as currents",
    ),
    ("backend", "backend", None, 1, "simulator of the spiking network; none: rates only"),
    ("spiking", "spiking (%)", 2, 100, "accuracy of the mean output over a presentation"),
    ("images", "images", 0, 1, "test images scored, the first so many"),
    ("loss", "loss (points)", 2, 100, "rate less spiking accuracy of the same seed"),
    ("time_ms", "99 % (ms)", 0, 1, "time from which on accuracy stays within 99 % of its end"),
    ("hz", "hidden (Hz)", 1, 1, "mean rates of the hidden layers"),
    ("spikes", "spikes / image", 0, 1, "of all neurons, a spiking encoder's included"),
    ("synops", "synops / image", 0, 1, "synaptic operations: synapses that spikes reach"),
    (
        "energy_45nm",
        "energy, ReLU / spiking (45 nm)",
        2,
        1,
        "arithmetic of synapses of the ReLU net over that of the spiking one, 4.6 pJ a "
        "multiply-accumulate and 0.9 pJ an accumulate (Horowitz 2014); above 1 spikes are cheaper; "
        "updates of neurons are left out",
    ),
    (
        "energy_devices",
        "energy, ReLU on GPU / spiking on Loihi",
        1,
        1,
        "updates of neurons included; published constants, not measurements",
    ),
    ("solved", "solved", 0, 1, f"problems of the audit solved in full, of {len(PROBLEMS)}"),
)
ERROR_COLUMN = "error"


def columns():
    """Headings for the page: dicts of ``heading``, ``kind`` and ``help``."""
    shown = [
        {"heading": heading, "kind": "t" if digits is None else "n", "help": meaning}
        for _, heading, digits, _, meaning in COLUMNS
    ]
    shown += [{"heading": f"audit: {p}", "kind": "up", "help": None} for p in PROBLEMS]
    return [*shown, {"heading": ERROR_COLUMN, "kind": "t", "help": None}]


def cells_of(line, errors):
    """A line of `nengo_pc.experiments.comparison.table.lines_of` as the page shows it.

    Parameters
    ----------
    line : dict
    errors : sequence of str

    Returns
    -------
    list of dict
        ``text``, ``kind``, ``sort`` (a number, or None to sort by text) and ``title``.
    """
    shown = []
    for key, _, digits, factor, _ in COLUMNS:
        value = line.get(key)
        kind = "t" if digits is None else "n"
        shown.append(_cell(text_of(value, digits, factor), kind, _sort(value, digits)))
    for problem in PROBLEMS:
        verdict = (line["verdicts"] or {}).get(problem)
        weight = WEIGHTS.get(verdict, -1)
        shown.append(_cell(SYMBOLS.get(verdict, MISSING), "v", weight, f"{problem}: {verdict}"))
    text = "; ".join(dict.fromkeys(errors))
    short = text if len(text) <= 80 else f"{text[:77]}..."
    return [*shown, _cell(short, "t", None, text or None)]


def text_of(value, digits, factor=1):
    """A value of a line as text; a list has one entry for each layer."""
    if value is None or value == []:
        return MISSING
    if isinstance(value, list):
        return " / ".join(text_of(entry, digits, factor) for entry in value)
    if digits is None:
        return str(value)
    if isinstance(value, tuple):
        mean, sd = value
        text = number(factor * mean, digits)
        return text if sd is None else f"{text} ± {number(factor * sd, digits)}"
    return number(factor * value, digits)


def number(value, digits, sign=""):
    """A number with a minus sign as it is printed, and no minus zero."""
    text = f"{value:{sign},.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = f"{0:.{digits}f}"
    return text.replace("-", "−")


def _sort(value, digits):
    while isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, tuple):
        value = value[0]
    if digits is None:
        return None
    return -1e99 if value is None else float(value)


def _cell(text, kind, sort=None, title=None):
    return {"text": text, "kind": kind, "sort": sort, "title": title}
