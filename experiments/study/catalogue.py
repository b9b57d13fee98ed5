"""Every figure of the study by name, in the order in which the study tells them."""

from collections.abc import Callable
from dataclasses import dataclass

from . import coding, digits, learning, neurons, predictive_coding, spiking


@dataclass(frozen=True)
class Figure:
    """One figure of the study.

    Attributes
    ----------
    title : str
    source : str
        The equation or paper that it rests on.
    draw : callable
        From a `setting.Study` to a `setting.Drawn`.
    with_data : bool
        Whether it shows the data set, or a network that has learned from it.
    """

    title: str
    source: str
    draw: Callable
    with_data: bool = True


HUNSBERGER = "Hunsberger & Eliasmith 2016, https://arxiv.org/abs/1611.05141"

FIGURES = {
    "first_digits": Figure(
        "The first ten digits",
        "MNIST: LeCun et al. 1998, https://doi.org/10.1109/5.726791; the embedded digits: Alpaydin "
        "& Kaynak 1998, https://doi.org/10.24432/C50P49",
        digits.first_digits,
    ),
    "lif_voltage": Figure(
        "LIF voltage under constant current",
        "tau_rc dv/dt = j - v from v = 0, spike and reset at v = 1: v(t) = j (1 - exp(-t/tau_rc)), "
        "equation (7) of Thuesen, Predictive Coding and Biologically Plausible Neural Networks "
        "(BSc thesis, DTU, 2022)",
        neurons.lif_voltage,
        with_data=False,
    ),
    "lif_rate": Figure(
        "Rate curves and slopes of LIF and SoftLIF",
        "r(j) = 1 / (tau_ref + tau_rc log(1 + 1/(j - 1))); SoftLIF has γ log(1 + exp((j - 1)/γ)) "
        f"in place of j - 1: {HUNSBERGER}, equations 2 to 4",
        neurons.lif_rate,
        with_data=False,
    ),
    "activation_scaling": Figure(
        "Activations of scaled rates against ReLU",
        "amplitude r(j) against max(0, j)",
        neurons.activation_scaling,
        with_data=False,
    ),
    "poisson_spikes": Figure(
        "Poisson spike trains for several values",
        "P(n) = m^n exp(-m) / n!, with m = rate x time; `nengo.PoissonSpiking`",
        coding.poisson_spikes,
        with_data=False,
    ),
    "alpha_filter": Figure(
        "The alpha filter: impulse and step response",
        "α(t) = t/τ² exp(-t/τ); `nengo.Alpha`",
        coding.alpha_filter,
        with_data=False,
    ),
    "rate_estimation": Figure(
        "Error of rate estimation against the synapse's time constant",
        "Campbell's theorem: a filter h of Poisson spikes of rate r has mean r ∫ h and variance "
        "r ∫ h²",
        coding.rate_estimation,
        with_data=False,
    ),
    "rasters": Figure(
        "Spikes of each layer for one digit",
        f"{HUNSBERGER}; `nengo_pc.networks.SpikingClassifier`",
        digits.rasters,
    ),
    "accuracy_over_time": Figure(
        "Accuracy over presentation time",
        f"{HUNSBERGER}, section 3; `nengo_pc.analysis.accuracy_over_time`",
        digits.accuracy_over_time,
    ),
    "weights": Figure(
        "First-layer weights",
        "`nengo_pc.learning.train`, Z-IL with batch norm fused",
        digits.weights,
    ),
    "rule_updates": Figure(
        "Z-IL against backprop: updates",
        "Song et al. 2020, Can the brain do backpropagation?; Millidge, Tschantz & Buckley 2022, "
        "https://doi.org/10.1162/neco_a_01497",
        learning.rule_updates,
    ),
    "rule_learning": Figure(
        "Z-IL against backprop: loss and accuracy",
        "Song et al. 2020; Whittington & Bogacz 2017, https://doi.org/10.1162/NECO_a_00949; "
        "Salvatori et al. 2024, https://arxiv.org/abs/2212.00720",
        learning.rule_learning,
    ),
    "relaxation_energy": Figure(
        "Energy along relaxation",
        "dx_l/dt = -∂F/∂x_l: Whittington & Bogacz 2017, https://doi.org/10.1162/NECO_a_00949",
        predictive_coding.relaxation_energy,
    ),
    "network_settling": Figure(
        "A network of value and error populations settles",
        "`nengo_pc.networks.PredictiveCoding`, tau de/dt = -e + r'(x) * (Wᵀ ε), x = u + e",
        predictive_coding.network_settling,
    ),
    "feedback_alignment": Figure(
        "Feedback alignment over training",
        "Lillicrap et al. 2016, https://doi.org/10.1038/ncomms13276; Nøkland 2016, "
        "https://arxiv.org/abs/1609.01596; Kolen & Pollack 1994; Akrout et al. 2019, "
        "https://arxiv.org/abs/1904.05391",
        learning.feedback_alignment,
    ),
    "error_spikes": Figure(
        "Error spikes over learning",
        "`nengo_pc.learning.ErrorHebbian` in `PredictiveCoding`, docs/spiking_predictive_coding.md",
        spiking.error_spikes,
    ),
    "spiking_accuracy": Figure(
        "Accuracy while learning in spikes",
        "`nengo_pc.learning.online.OnlineLearner`, docs/spiking_predictive_coding.md",
        spiking.spiking_accuracy,
    ),
    "spiking_alignment": Figure(
        "Feedback of the spiking network turns towards Wᵀ",
        "Kolen & Pollack 1994; Akrout et al. 2019, https://arxiv.org/abs/1904.05391",
        spiking.spiking_alignment,
    ),
    "spiking_rasters": Figure(
        "Spikes of values and errors before and after learning",
        "docs/spiking_predictive_coding.md",
        spiking.spiking_rasters,
    ),
}
"""Figures by name."""
