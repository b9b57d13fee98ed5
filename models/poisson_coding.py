"""A value as Poisson spikes and as regular ones, filtered.

Alpha synapses estimate the value x from spikes. Both codes have the
same rate, 250 Hz times x, and 20 trains that carry the same x. Of
Poisson spikes an estimate has the standard deviation (Campbell's
theorem)

    sqrt(x / (4 tau 250 Hz))

for an alpha synapse of time constant tau; of regular spikes only the
ripple of one spike after another. Longer synapses estimate better and
follow later. Drag the slider to change x; the table starts anew.
"""

import nengo
import numpy as np

from nengo_pc.models.neuron_displays import CodeTable
from nengo_pc.models.stimuli import receiving
from nengo_pc.networks import PoissonEncoder
from nengo_pc.networks.populations import population

N_TRAINS = 20
MAXIMUM_RATE = 250.0  # Hz, at x = 1
TAUS = (0.005, 0.05)  # s, of the alpha synapses

table = CodeTable(N_TRAINS, MAXIMUM_RATE, TAUS)

with nengo.Network(label="Poisson and regular coding", seed=0) as model:
    value = nengo.Node([0.4], label="x")
    encoder = PoissonEncoder(N_TRAINS, MAXIMUM_RATE)
    regular = population(
        N_TRAINS,
        nengo.RegularSpiking(nengo.RectifiedLinear(), amplitude=1 / MAXIMUM_RATE),
        gain=MAXIMUM_RATE,
        label="regular spikes",
    )
    poisson = encoder.population
    poisson.label = "Poisson spikes"
    with nengo.Network(label="what alpha synapses make of them") as displays:
        statistics = nengo.Node(table, table.size_in, label="table")
        fast, slow = (
            nengo.Node(size_in=3, label=f"one train, alpha synapse of {1000 * tau:g} ms")
            for tau in TAUS
        )

    every_train = np.ones((N_TRAINS, 1))
    nengo.Connection(value, receiving(encoder.input), transform=every_train, synapse=None)
    nengo.Connection(value, regular.neurons, transform=every_train, synapse=None)
    nengo.Connection(value, statistics[0], synapse=None)
    for i, code in enumerate((poisson, regular)):
        nengo.Connection(code.neurons, statistics[table.spikes[i]], synapse=None)
        for j, (tau, plotted) in enumerate(zip(TAUS, (fast, slow))):
            alpha = nengo.Alpha(tau)
            nengo.Connection(code.neurons, statistics[table.filtered[i][j]], synapse=alpha)
            nengo.Connection(code.neurons[0], plotted[i], synapse=alpha)
    for plotted in (fast, slow):
        nengo.Connection(value, plotted[2], synapse=None)
