"""One side of `backends.py`: runs the MLP with snnTorch or Norse on PyTorch.

    python torch_worker.py LIBRARY

Needs PyTorch and the library only, so that it runs in another Python than this package's. What
the models have in common, and what not, is in `backends_libraries.py`.
"""

import sys
import time

import numpy as np
import torch
from backends_serve import serve

DT = 0.001
TAU_RC, AMPLITUDE = 0.02, 0.05  # of `nengo_pc.networks.LIFConstants`
TAU_SYNAPSE = 0.004  # of a low-pass with the mean delay of an alpha synapse of 2 ms
STEPS_PER_CALL = 10  # of a compiled function
LEAK, SYNAPSE_LEAK = (float(np.exp(-DT / tau)) for tau in (TAU_RC, TAU_SYNAPSE))


class Network:
    """784-300-300-10 of spiking neurons, with a leaky read-out.

    Parameters
    ----------
    task : dict
        With ``steps``.
    arrays : list of ndarray
        Weights and bias of each layer in turn, then images.
    is_compiled : bool
        Compile some steps together with `torch.compile`.
    """

    compile_seconds = None

    def __init__(self, task, arrays, is_compiled):
        torch.set_num_threads(2)
        torch.set_flush_denormal(True)
        self.steps = task["steps"]
        start = time.perf_counter()
        first, first_bias, *rest, images = [torch.from_numpy(a) for a in arrays]
        self.first, self.images = (first, first_bias), images
        self.second, self.readout = (self.linear(*rest[i : i + 2]) for i in (0, 2))
        self.make_neurons()
        self.is_compiled = is_compiled
        self.several = self._several
        if is_compiled:
            torch._dynamo.config.recompile_limit = 64  # minibatches and neurons share the code
            self.several = torch.compile(self._several, dynamic=False, fullgraph=True)
        self.build_seconds = time.perf_counter() - start

    def linear(self, weights, bias):
        """A layer whose input are spikes of 1 and whose output jumps of the current."""
        layer = torch.nn.Linear(*reversed(weights.shape))
        with torch.no_grad():
            layer.weight.copy_(weights * (AMPLITUDE / DT) * self.jump)
            layer.bias.copy_(bias * self.jump)
        return layer

    def _several(self, current, state):
        for _ in range(STEPS_PER_CALL):
            _, state = self.step(current, state)
        return state

    def begin(self):
        """Currents of the first layer, worked out once as the input is held, and states of rest."""
        current = torch.nn.functional.linear(self.images, *self.first) * self.scale
        return current, self.start(*current.shape)

    @torch.inference_mode()
    def run(self):
        """All steps of a minibatch."""
        current, state = self.begin()
        if not self.is_compiled:
            for _ in range(self.steps):
                _, state = self.step(current, state)
        else:
            for _ in range(self.steps // STEPS_PER_CALL):
                state = self.several(current, state)
        return state

    @torch.inference_mode()
    def rates(self):
        """Mean rates of the hidden layers in Hz, and the answers to all images."""
        current, state = self.begin()
        counts, outputs = np.zeros(2), 0.0
        for _ in range(self.steps):
            spikes, state = self.step(current, state)
            counts += [float(s.mean()) for s in spikes]
            outputs = outputs + self.output(state)
        return counts / (self.steps * DT), outputs.argmax(dim=1).numpy()


class SNNTorch(Network):
    """Leaky neurons, and of the second layer synaptic ones; reset to zero."""

    scale = 1 - LEAK  # of a current, to have its steady state as voltage
    jump = 1 - SYNAPSE_LEAK  # of a current's jump, to have the area of what jumps

    def make_neurons(self):
        """Modules that have state given and give it back."""
        import snntorch

        self.lif = snntorch.Leaky(LEAK, reset_mechanism="zero", surrogate_disable=True)
        self.synaptic = snntorch.Synaptic(
            SYNAPSE_LEAK, LEAK, reset_mechanism="zero", surrogate_disable=True
        )
        self.leaky = snntorch.Leaky(SYNAPSE_LEAK, reset_mechanism="none", surrogate_disable=True)
        with torch.no_grad():  # the synaptic current is added to the voltage as it is
            self.second.weight.mul_(self.scale)
            self.second.bias.mul_(self.scale)

    def start(self, batch, units):
        """State of rest."""
        for module in (self.lif, self.synaptic, self.leaky):
            module.reset_mem()  # what modules remember is part of what compiled code looks at
        hidden = [torch.zeros(batch, units) for _ in range(3)]
        return *hidden, torch.zeros(batch, self.readout.out_features)

    def step(self, current, state):
        """Spikes of both layers, and the new state."""
        voltage, synapse, second_voltage, output = state
        spikes, voltage = self.lif(current, voltage)
        second, synapse, second_voltage = self.synaptic(
            self.second(spikes), synapse, second_voltage
        )
        _, output = self.leaky(self.readout(second), output)
        return (spikes, second), (voltage, synapse, second_voltage, output)

    def output(self, state):
        """Of the read-out."""
        return state[-1]


class Norse(Network):
    """Box neurons, of which the second layer's get a current with a low-pass synapse: `LIFCell`."""

    scale = 1.0
    jump = 1 - SYNAPSE_LEAK

    def make_neurons(self):
        """Cells that have state given and give it back."""
        import norse.torch as norse

        self.norse = norse
        membrane, synapse = (torch.tensor((1 - leak) / DT) for leak in (LEAK, SYNAPSE_LEAK))
        self.lif = norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=membrane), dt=DT)
        parameters = norse.LIFParameters(tau_mem_inv=membrane, tau_syn_inv=synapse)
        self.synaptic = self.second_cell(parameters)
        self.leaky = norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=synapse), dt=DT)
        with torch.no_grad():  # the box read-out is a low-pass of area 1 already
            self.readout.weight.div_(self.jump)
            self.readout.bias.div_(self.jump)

    def second_cell(self, parameters):
        """Neurons with synapses."""
        return self.norse.LIFCell(parameters, dt=DT)

    def start(self, batch, units):
        """State of rest."""
        from norse.torch.functional.leaky_integrator_box import LIBoxState
        from norse.torch.functional.lif_box import LIFBoxFeedForwardState

        zeros = torch.zeros(batch, units)
        output = torch.zeros(batch, self.readout.out_features)
        return LIFBoxFeedForwardState(zeros), self.second_state(zeros), LIBoxState(output)

    def second_state(self, zeros):
        """The second layer's state of rest."""
        return self.norse.LIFFeedForwardState(v=zeros, i=zeros)

    def step(self, current, state):
        """Spikes of both layers, and the new state."""
        first_state, second_state, output = state
        spikes, first_state = self.lif(current, first_state)
        second, second_state = self.synaptic(self.second(spikes), second_state)
        _, output = self.leaky(self.readout(second), output)
        return (spikes, second), (first_state, second_state, output)

    def output(self, state):
        """Of the read-out."""
        return state[-1].v


LIBRARIES = {"snntorch": SNNTorch, "norse": Norse}

if __name__ == "__main__":
    name, _, how = sys.argv[1].partition(" ")
    serve(lambda task, arrays: LIBRARIES[name](task, arrays, how == "compiled"))
