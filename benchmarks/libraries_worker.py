"""One side of `libraries.py`: trains with one library, as it is told through a pipe.

Needs NumPy and that library only, so that it runs in another Python than this package's. Both
sides give gradients and variables as one list, weights and bias of each layer in turn.
"""

import importlib.metadata
import io
import os
import resource
import sys
import time

import numpy as np


class NengoPC:
    """`RuleEngine` of this package."""

    def __init__(self, variables, settings, n_updates):
        from nengo_pc.learning import TrainingOptions
        from nengo_pc.learning.rule_engine import RuleEngine
        from nengo_pc.networks import Dense, Parameters

        self.version = f"nengo-pc (TensorFlow {importlib.metadata.version('tensorflow')})"
        weights, biases = variables[::2], variables[1::2]
        layers = [Dense(len(bias)) for bias in biases]
        options = TrainingOptions(
            method="il",
            loss="squared-error",
            schedule="constant",
            batch_norm=False,
            dropout=0.0,
            input_dropout=0.0,
            **settings,
        )
        parameters = Parameters((weights[0].shape[1],), layers, weights, biases)
        self.engine = RuleEngine(parameters, options, n_updates)
        self.gradients = self.engine.gradients

    def update(self, images, labels):
        """One update of the weights from one minibatch."""
        self.engine.update(images, labels)

    def wait(self):
        """Until the last update is done: `RuleEngine.update` waits by itself."""

    def variables(self):
        """As they are now."""
        parameters = self.engine.parameters()
        return [v for pair in zip(parameters.weights, parameters.biases) for v in pair]


class PCX:
    """The same in pcx, written as its tutorials are: a whole update is one ``pxf.jit`` function.

    Different from them, to be the same model or to be faster:

    - Values are currents, ``x = act(vode(layer(x)))``. In the tutorials they are activities,
      ``x = vode(act(layer(x)))``.
    - The steps of the values are a ``pxf.scan``, not a Python loop that is unrolled, and values
      are cleared after the update, which otherwise is compiled a second time.
    - Adam's epsilon counts as Keras has it (Kingma & Ba 2015, before section 2.1).
    """

    def __init__(self, variables, settings, n_updates):
        import jax
        import optax
        import pcx
        import pcx.functional as pxf
        import pcx.nn as pxnn
        import pcx.predictive_coding as pxc
        import pcx.utils as pxu

        pcx.RKG.seed(0)
        versions = [importlib.metadata.version(name) for name in ("pcx", "jax")]
        self.version = "pcx {} (JAX {})".format(*versions)
        self.wait = lambda: jax.block_until_ready(_arrays(self.model))
        act = {"tanh": jax.numpy.tanh, "relu": jax.nn.relu}[settings["activation"]]
        weights, biases = variables[::2], variables[1::2]

        class Model(pxc.EnergyModule):
            def __init__(self):
                super().__init__()
                self.layers = [pxnn.Linear(w.shape[1], w.shape[0]) for w in weights]
                for layer, w, b in zip(self.layers, weights, biases):
                    layer.nn.weight.set(jax.numpy.asarray(w))
                    layer.nn.bias.set(jax.numpy.asarray(b))
                self.vodes = [pxc.Vode() for _ in weights]  # energy: half the squared error
                self.vodes[-1].h.frozen = True

            def __call__(self, x, y):
                for layer, vode in zip(self.layers[:-1], self.vodes[:-1]):
                    x = act(vode(layer(x)))
                self.vodes[-1](self.layers[-1](x))
                if y is not None:
                    self.vodes[-1].set("h", y)

        # Masks are made anew each time, since `to` changes the one it is called on.
        def moving():
            return pxu.M_hasnot(pxc.VodeParam, frozen=True)

        def learning():
            return pxu.M(pxnn.LayerParam)

        each_item = pxu.M(pxc.VodeParam | pxc.VodeParam.Cache).to((None, 0))

        @pxf.vmap(each_item, in_axes=(0, 0), out_axes=0)
        def forward(x, y, *, model):
            model(x, y)

        @pxf.vmap(each_item, in_axes=(0,), out_axes=None, axis_name="batch")
        def energy(x, *, model):
            model(x, None)
            return jax.lax.psum(model.energy(), "batch")

        def slopes(mask, x, model):
            with pxu.step(model, clear_params=pxc.VodeParam.Cache):
                slopes_of = pxf.value_and_grad(mask.to([False, True]), has_aux=False)(energy)
                return slopes_of(x, model=model)[1]["model"]

        def relax(step, x, *, model, optim_h):
            optim_h.step(model, slopes(moving(), x, model))
            return x, None

        def learn(x, labels, model, optim_h):
            y = jax.nn.one_hot(labels, len(biases[-1]))
            start = (pxc.STATUS.INIT, None)
            with pxu.step(model, start, clear_params=pxc.VodeParam.Cache):
                forward(x, y, model=model)
            optim_h.init(moving()(model))
            steps = jax.numpy.arange(settings["inference_steps"])
            pxf.scan(relax, xs=steps)(x, model=model, optim_h=optim_h)
            optim_h.clear()
            gradients = slopes(learning(), x, model)
            model.clear_params(pxc.VodeParam)
            return gradients

        @pxf.jit()
        def update(x, labels, *, model, optim_h, optim_w):
            gradients = learn(x, labels, model, optim_h)
            optim_w.step(model, gradients, scale_by=1 / len(x))

        @pxf.jit()
        def gradients(x, labels, *, model, optim_h):
            return [g / len(x) for g in _arrays(learn(x, labels, model, optim_h))]

        def keras_adam():
            return optax.inject_hyperparams(optax.adam)(
                settings["learning_rate"],
                eps=lambda count: 1e-7 / jax.numpy.sqrt(1 - 0.999 ** (count + 1.0)),
            )

        self.model = Model()
        optim_h = pxu.Optim(lambda: optax.sgd(settings["inference_rate"]))
        optim_w = pxu.Optim(keras_adam, learning()(self.model))
        self._update = lambda *batch: update(
            *batch, model=self.model, optim_h=optim_h, optim_w=optim_w
        )
        self._gradients = lambda *batch: gradients(*batch, model=self.model, optim_h=optim_h)

    def update(self, images, labels):
        """One update of the weights from one minibatch."""
        self._update(images, labels)

    def gradients(self, images, labels):
        """Of the energy's mean over one minibatch."""
        return self._gradients(images, labels)

    def variables(self):
        """As they are now."""
        return _arrays(self.model)


def _arrays(model):
    """Weights and biases that a pcx model holds, or what stands in their places."""
    return [p.get() for layer in model.layers for p in (layer.nn.weight, layer.nn.bias)]


LIBRARIES = {"nengo-pc": NengoPC, "pcx": PCX}


def send(stream, *arrays, **named):
    """Write arrays to a binary stream, as `receive` reads them."""
    buffer = io.BytesIO()
    np.savez(buffer, *arrays, **named)
    stream.write(buffer.tell().to_bytes(8, "little") + buffer.getvalue())
    stream.flush()


def receive(stream):
    """What was sent: a list of arrays and a dict of the named ones, or None at the end."""
    length = int.from_bytes(stream.read(8), "little")
    if length == 0:
        return None
    with np.load(io.BytesIO(stream.read(length))) as file:
        named = dict(file)
    unnamed = [named.pop(f"arr_{i}") for i in range(sum(n.startswith("arr_") for n in named))]
    return unnamed, named


def spent():
    """CPU seconds and peak memory (MiB) of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return used.ru_utime + used.ru_stime, used.ru_maxrss / unit


def main(name, commands, answers):
    """Do what is asked, until there is nothing more."""
    variables, settings = receive(commands)
    settings = {key: value.item() for key, value in settings.items()}
    side = LIBRARIES[name](variables, settings, settings.pop("n_updates"))
    send(answers, version=side.version)
    while (message := receive(commands)) is not None:
        batches, wanted = message
        if "gradients" in wanted:
            send(answers, *side.gradients(*batches))
        elif "variables" in wanted:
            send(answers, *side.variables())
        else:
            started, (cpu, _) = time.perf_counter(), spent()
            for images, labels in zip(*batches):
                side.update(images, labels)
            side.wait()
            wall = time.perf_counter() - started
            cpu_after, memory = spent()
            send(answers, wall=wall, cpu=cpu_after - cpu, memory=memory)


if __name__ == "__main__":
    # What a library prints must not get among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    main(sys.argv[1], sys.stdin.buffer, answers)
