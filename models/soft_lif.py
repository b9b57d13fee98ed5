"""The activation that the parameters were trained with, on the reference simulator."""

import nengo
import numpy as np


class SoftLIFRate(nengo.LIFRate):
    """Rates of a LIF neuron whose threshold is soft: what NengoDL's neuron of that name does.

    ``r(j) = amplitude / (tau_ref + tau_rc log(1 + 1/s))``, with
    ``s = sigma log(1 + exp((j - 1)/sigma))`` (Hunsberger & Eliasmith 2016,
    https://arxiv.org/abs/1611.05141, equation 4). Its slope is finite everywhere, so that
    predictive coding with it descends its energy.

    Parameters
    ----------
    sigma : float
        Width of the threshold, in units of current; LIF's curve as it nears 0.
    **lif
        Of `nengo.LIFRate`.
    """

    def __init__(self, sigma=0.02, **lif):
        super().__init__(**lif)
        self.sigma = sigma

    def step(self, dt, J, output):  # noqa: N803
        """Set ``output`` to the rates at currents J, times the amplitude."""
        z = (J - 1) / self.sigma
        # Far below threshold s is sigma exp(z), and log(1 + 1/s) its negative logarithm.
        log_s = np.log(self.sigma) + np.where(
            z > -40, np.log(np.logaddexp(0, np.maximum(z, -40))), z
        )
        output[...] = self.amplitude / (self.tau_ref + self.tau_rc * np.logaddexp(0, -log_s))
