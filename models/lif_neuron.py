"""A leaky integrate-and-fire (LIF) neuron under a current.

The voltage v follows

    tau_rc dv/dt = j - v

for a current j. At v = 1 there is a spike; v is then 0 for the
refractory period tau_ref. Under a constant current above 1 the neuron
fires at

    r(j) = 1 / (tau_ref + tau_rc log(1 + 1 / (j - 1)))

Drag the slider to change the current: spikes are counted from there
on, up to a second back. The alpha synapse makes a smooth rate of the
spikes, the smoother the longer its time constant: try others here.
"""

import nengo

from nengo_pc.models.neuron_displays import RateCurve
from nengo_pc.networks import LIFConstants
from nengo_pc.networks.populations import population

TAU_SYNAPSE = 0.01  # s, of the alpha function
START = 1.5  # of the current, in units of the threshold

neuron = LIFConstants(tau_rc=0.02, tau_ref=0.004, amplitude=1.0)  # s, s, Hz
curve = RateCurve(neuron, currents=(0.0, 5.0))

with nengo.Network(label="a LIF neuron", seed=0) as model:
    current = nengo.Node([START], label="current")
    lif = population(1, neuron.spiking(), label="LIF neuron: voltage, spikes")
    filtered = nengo.Node(size_in=1, label="alpha-filtered spikes (Hz)")
    rate = nengo.Node(curve, size_in=2, size_out=2, label="rate (Hz)")

    nengo.Connection(current, lif.neurons, synapse=None)
    nengo.Connection(lif.neurons, filtered, synapse=nengo.Alpha(TAU_SYNAPSE))
    nengo.Connection(current, rate[0], synapse=None)
    nengo.Connection(lif.neurons, rate[1], synapse=None)
