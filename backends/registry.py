"""The backends by name."""

from nengo.exceptions import ValidationError

from .dl import NengoDL
from .loihi import Loihi
from .native.backend import Native
from .reference import Reference
from .xla import XLA

BACKENDS = {backend.name: backend for backend in (Reference, Native, NengoDL, Loihi, XLA)}


def get_backend(name):
    """The backend of that name.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is none.
    """
    if name not in BACKENDS:
        raise ValidationError(f"must be one of {', '.join(BACKENDS)}, got {name!r}", "backend")
    return BACKENDS[name]()


def Simulator(network, backend="native", **options):  # noqa: N802, stands for classes
    """Build a network on a backend.

    Parameters
    ----------
    network : nengo.Network
    backend : str
        One of `BACKENDS`.
    **options
        Of the backend's own simulator: ``dt``, ``seed``, ...

    Returns
    -------
    simulator
        `nengo.Simulator`, `nengo_pc.backends.native.Simulator`, `nengo_dl.Simulator`,
        `nengo_loihi.Simulator` or `nengo_pc.backends.xla.Simulator`, with one attribute more:
        ``substitutions``, a tuple of sentences on what the backend does otherwise.

    Raises
    ------
    nengo.exceptions.ValidationError
        If there is no such backend.
    BackendUnavailable
        If it is not installed; the message has the command that installs it.

    Examples
    --------
    >>> import nengo
    >>> from nengo_pc.backends import Simulator
    >>> with nengo.Network() as network:
    ...     node = nengo.Node(1.0)
    ...     probe = nengo.Probe(node)
    >>> with Simulator(network, backend="reference") as simulator:
    ...     simulator.run(0.003)
    >>> simulator.data[probe].ravel().tolist()
    [1.0, 1.0, 1.0]
    """
    chosen = get_backend(backend)
    chosen.check()
    return chosen.simulator(network, **options)
