"""The matrix products of the MLP alone, which no simulator of it can do without.

    python backends_products.py numpy|tensorflow|tensorflow-xla

The first layer once for each image, as its input is held, then the second layer and the read-out
in every step. The second layer's product is the next step's input, so that no product can be left
out or taken together with another; its weights are orthogonal, so that numbers stay of one size.
"""

import sys

import numpy as np
from backends_serve import serve

SIZES = (784, 300, 300, 10)


def operations(batch, steps):
    """Floating-point operations of one run."""
    first, second, last = (2 * a * b for a, b in zip(SIZES, SIZES[1:]))
    return batch * (first + steps * (second + last))


class Products:
    """All products of one run.

    Parameters
    ----------
    task : dict
        With ``batch`` and ``steps``.
    """

    build_seconds = 0.0
    compile_seconds = None

    def __init__(self, task):
        self.steps = task["steps"]
        rng = np.random.default_rng(0)
        n_in, n_first, n_second, n_out = SIZES
        arrays = (
            rng.standard_normal((n_first, n_in)) / np.sqrt(n_in),
            np.linalg.qr(rng.standard_normal((n_second, n_first)))[0],
            rng.standard_normal((n_out, n_second)) / np.sqrt(n_second),
            rng.standard_normal((n_in, task["batch"])),
        )
        self.arrays = [np.asarray(a, np.float32) for a in arrays]
        self.prepare()

    def prepare(self):
        """Make what runs use."""


class NumPy(Products):
    """NumPy, into arrays that are there."""

    def run(self):
        """One run."""
        first, second, last, x = self.arrays
        s = first @ x
        spare, output = np.empty_like(s), np.empty((len(last), x.shape[1]), np.float32)
        for _ in range(self.steps):
            np.matmul(second, s, out=spare)
            np.matmul(last, s, out=output)
            s, spare = spare, s


class TensorFlow(Products):
    """A TensorFlow loop, operator by operator."""

    jit_compile = False

    def prepare(self):
        """Make one function of it."""
        from nengo_pc.backends.compatibility import import_tensorflow

        tf = import_tensorflow()
        self.arrays = [tf.constant(a) for a in self.arrays]

        def loop(first, second, last, x):
            s = tf.matmul(first, x)

            def body(i, s, output):
                return i + 1, tf.matmul(second, s), output + tf.matmul(last, s)

            start = (0, s, tf.zeros((SIZES[-1], x.shape[1])))
            return tf.while_loop(lambda i, *_: i < self.steps, body, start)[1:]

        self.function = tf.function(loop, jit_compile=self.jit_compile, autograph=False)

    def run(self):
        """One run."""
        for result in self.function(*self.arrays):
            result.numpy()


class TensorFlowXLA(TensorFlow):
    """The same loop, compiled by XLA."""

    jit_compile = True


LIBRARIES = {"numpy": NumPy, "tensorflow": TensorFlow, "tensorflow-xla": TensorFlowXLA}

if __name__ == "__main__":
    library = LIBRARIES[sys.argv[1]]
    serve(lambda task, arrays: library(task))
