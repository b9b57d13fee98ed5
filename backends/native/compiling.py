"""The compiled loop: made once in a process, kept on disk by Numba."""

import functools
import sys
import warnings

MISSING = (
    "Numba cannot be imported ({error}): nengo_pc.backends.native runs without compiled kernels, "
    "about as fast as nengo.Simulator. To get them: pip install numba"
)
UNWRITABLE = (
    "Numba found no folder to keep compiled kernels in ({error}): they are compiled anew in each "
    "process. Set NUMBA_CACHE_DIR to a folder that can be written to"
)
COMPILING = "Compiling the kernels of nengo_pc.backends.native for {dtype}, once on this machine."


@functools.cache
def the_loops():
    """Return the compiled loop and what items do together, or None twice without Numba."""
    try:
        from numba.core import event
    except ImportError as error:
        warnings.warn(MISSING.format(error=error), stacklevel=2)
        return None, None
    from .loop import compiled_loops

    try:
        loop, joint = compiled_loops(cache=True)
    except RuntimeError as error:  # Numba's, where no folder can be written to
        warnings.warn(UNWRITABLE.format(error=error), stacklevel=2)
        loop, joint = compiled_loops()

    class Announcer(event.Listener):
        """Print a line when the compilation of the loop starts."""

        def on_start(self, event):
            if event.data["dispatcher"] is loop:
                dtype = event.data["args"][3].dtype
                print(COMPILING.format(dtype=dtype), file=sys.stderr, flush=True)

        def on_end(self, event):
            pass

    event.register("numba:compile", Announcer())
    return loop, joint


def warm_up():
    """Compile the loop for both float types, unless that was done on this machine."""
    import nengo

    from .simulator import Simulator

    with nengo.Network() as network:
        nengo.Probe(nengo.Node(1.0))
        learned = nengo.Connection(
            nengo.Ensemble(2, 1).neurons,
            nengo.Node(size_in=1),
            transform=[[0, 0]],
            learning_rule_type=nengo.PES(),
        )
        nengo.Connection(nengo.Node(0), learned.learning_rule)
    for dtype in ("float64", "float32"):
        for options in ({}, {"minibatch_size": 2, "minibatch_learning": "mean"}):
            with Simulator(network, dtype=dtype, progress_bar=False, **options) as simulator:
                simulator.step()


if __name__ == "__main__":
    warm_up()
