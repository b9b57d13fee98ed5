"""NengoDL 3.6 on current TensorFlow.

NengoDL was written against Keras 2, which lived in TensorFlow up to 2.15 and lives on as the
package ``tf_keras``. Two things make it run on TensorFlow 2.16 and later:

* ``TF_USE_LEGACY_KERAS=1`` before TensorFlow is first imported, so that ``tf.keras`` is Keras 2;
* while ``nengo_dl`` is first imported, the four module names that it imports from ``keras`` lead
  to ``tf_keras``. Afterwards they lead where they led before, so that Keras 3 can still be used.

If TensorFlow was imported with Keras 3 before, the two would mix and fail much later; that is
found here, and said.
"""

import contextlib
import importlib
import os
import sys
import tempfile
import types
import warnings

from .errors import BackendUnavailable

INSTALL = "pip install nengo-pc"


def import_tensorflow():
    """Import TensorFlow with Keras 2 as ``tf.keras``.

    Returns
    -------
    module
        ``tensorflow``

    Raises
    ------
    BackendUnavailable
        If TensorFlow or tf_keras is not installed, or TensorFlow was imported earlier in this
        process with Keras 3 as ``tf.keras``.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with contextlib.nullcontext() if "tensorflow" in sys.modules else _without_chatter():
            import tensorflow as tf

            tf.config.list_physical_devices()
    except ImportError as error:
        raise BackendUnavailable("TensorFlow", INSTALL, error) from error
    try:
        # Keras 2 as a package of its own does not say its version here, Keras 3 does.
        version = getattr(tf.keras, "__version__", "2.")
    except ImportError as error:  # tf.keras is imported lazily, and needs tf_keras
        raise BackendUnavailable("tf_keras (Keras 2)", INSTALL, error) from error
    if not version.startswith("2."):
        raise BackendUnavailable(
            f"NengoDL with Keras {version}",
            "set the environment variable TF_USE_LEGACY_KERAS=1 before Python starts, or import "
            "TensorFlow through nengo_pc.backends.compatibility.import_tensorflow() first",
            "TensorFlow was imported with Keras 3 as tf.keras, and NengoDL needs Keras 2",
        )
    return tf


def import_nengo_dl():
    """Import NengoDL, whichever TensorFlow from 2.16 on is installed.

    Returns
    -------
    module
        ``nengo_dl``

    Raises
    ------
    BackendUnavailable
        As `import_tensorflow`, and if NengoDL is not installed.
    """
    import_tensorflow()
    names = {} if "nengo_dl" in sys.modules else _keras_2_modules()
    # Importing NengoDL starts a Python that looks for a GPU, with chatter of its own.
    quiet = _without_chatter() if names else contextlib.nullcontext()
    with _modules(names), quiet, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This version of NengoDL has not been tested")
        try:
            return importlib.import_module("nengo_dl")
        except ImportError as error:
            raise BackendUnavailable("NengoDL", INSTALL, error) from error


def _keras_2_modules():
    """The modules that NengoDL imports from ``keras``, taken from ``tf_keras``."""
    try:
        keras = importlib.import_module("tf_keras")
        source = importlib.import_module("tf_keras.src.layers")
        engine = importlib.import_module("tf_keras.src.engine")
        functional = importlib.import_module("tf_keras.src.engine.functional")
        v1 = importlib.import_module("tf_keras.src.layers.normalization.batch_normalization_v1")
        v2 = importlib.import_module("tf_keras.src.layers.normalization.batch_normalization")
    except ImportError as error:
        raise BackendUnavailable("tf_keras (Keras 2)", INSTALL, error) from error
    layers = types.ModuleType("keras.layers")
    vars(layers).update(vars(source))
    layers.BatchNormalizationV1 = v1.BatchNormalization
    layers.BatchNormalizationV2 = v2.BatchNormalization
    return {
        "keras": keras,
        "keras.layers": layers,
        "keras.engine": engine,
        "keras.engine.functional": functional,
    }


@contextlib.contextmanager
def _without_chatter():
    """Keep what native code writes to standard error, and show it only if the block raises.

    On a machine without a GPU, TensorFlow 2.21 greets with ten lines on oneDNN and CUDA, whatever
    the log level.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(stderr, 2)
            kept.seek(0)
            sys.stderr.write(kept.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextlib.contextmanager
def _modules(names):
    """Let ``names`` lead to other modules while the block runs."""
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
