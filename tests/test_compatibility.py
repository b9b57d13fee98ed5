"""Each question in a Python of its own: what is imported first decides."""

import json
from types import SimpleNamespace

import pytest

from nengo_pc.backends import BackendUnavailable
from nengo_pc.backends.compatibility import INSTALL

FRESH = """
import importlib.util, json, os, sys
assert "TF_USE_LEGACY_KERAS" not in os.environ
from nengo_pc.backends import BACKENDS
if importlib.util.find_spec("nengo_loihi"):
    BACKENDS["loihi"]().check()  # imports NengoDL too, if that can be imported
from nengo_pc.backends.compatibility import import_nengo_dl
nengo_dl = import_nengo_dl()
import tf_keras
said = {"leaks": [n for n in sys.modules if n.split(".")[0] == "keras"
                  and "tf_keras" in getattr(sys.modules[n], "__name__", "")
                  or n in ("keras.engine", "keras.engine.functional")]}
import keras
said["keras"] = keras.__version__
said["separate"] = keras is not tf_keras and keras.layers.Dense is not tf_keras.layers.Dense
said["again"] = import_nengo_dl() is nengo_dl
import nengo
with nengo.Network() as network:
    node = nengo.Node([0.25])
    probe = nengo.Probe(node)
with nengo_dl.Simulator(network, progress_bar=False) as simulator:
    simulator.run_steps(2)
said["dl"] = simulator.data[probe].ravel().tolist()
said["keras 3"] = keras.ops.convert_to_numpy(keras.layers.Dense(3)(keras.ops.ones((2, 4)))).shape
print(json.dumps(said))
"""

KERAS_3_FIRST = """
import tensorflow as tf
tf.keras.layers
import json
from nengo_pc.backends import BackendUnavailable
from nengo_pc.backends.compatibility import import_nengo_dl
try:
    import_nengo_dl()
except BackendUnavailable as error:
    print(json.dumps(str(error)))
"""

LIGHT = """
import json, os, sys
heavy = ("tensorflow", "keras", "tf_keras", "nengo_dl", "nengo_loihi")
said = {}
for name in ("networks", "backends", "learning", "analysis", "datasets"):
    __import__("nengo_pc." + name)
    said[name] = [module for module in heavy if module in sys.modules]
said["keras"] = os.environ.get("TF_USE_LEGACY_KERAS")
from nengo_pc.backends import present
from nengo_pc.networks import Dense, Parameters, SpikingClassifier
import nengo, numpy
network = SpikingClassifier(Parameters.random((3,), [Dense(4), Dense(2)]))
with network:
    nengo.Probe(network.output)
present(network, numpy.zeros((1, 3)), presentation_time=0.001, progress=False)
said["the reference"] = [module for module in heavy if module in sys.modules]
print(json.dumps(said))
"""

SCRIPTS = {
    name: code
    for name, code in globals().items()
    if name.isupper() and isinstance(code, str) and name != "INSTALL"
}


@pytest.fixture(scope="module")
def answer(start_python):
    """What a script said, as JSON on its last line, and its standard error."""
    started = {}

    def wait(name):
        # The next script runs while this one's answer is awaited.
        names = list(SCRIPTS)
        for script in names[names.index(name) :][:2]:
            if script not in started:
                started[script] = start_python(SCRIPTS[script])
        if not isinstance(started[name], SimpleNamespace):
            process = started[name]
            stdout, stderr = process.communicate(timeout=300)
            last = stdout.splitlines()[-1] if stdout.strip() else "null"
            said = json.loads(last) if process.returncode == 0 else None
            started[name] = SimpleNamespace(said=said, stderr=stderr, returncode=process.returncode)
        return started[name]

    return wait


def test_nengo_dl_beside_keras_3_and_after_nengo_loihi(answer):
    fresh = answer("FRESH")
    assert fresh.returncode == 0, fresh.stderr
    said = fresh.said
    assert said["leaks"] == []
    assert said["keras"].split(".")[0] == "3"
    assert said["separate"]
    assert said["again"]
    assert said["dl"] == [0.25, 0.25]
    assert said["keras 3"] == [2, 3]


def test_importing_the_backends_prints_nothing(answer):
    fresh = answer("FRESH")
    assert fresh.returncode == 0
    assert fresh.stderr == ""


def test_tensorflow_with_keras_3_is_found_and_said(answer):
    result = answer("KERAS_3_FIRST")
    assert result.returncode == 0, result.stderr
    assert "TensorFlow was imported with Keras 3" in result.said
    assert "TF_USE_LEGACY_KERAS=1 before Python starts" in result.said
    assert "\n" not in result.said


def test_the_advice_on_what_to_import_first_helps(answer):
    if "import nengo_pc" in answer("KERAS_3_FIRST").said:
        # TensorFlow chooses by this variable alone.
        assert answer("LIGHT").said["keras"] == "1"


@pytest.mark.parametrize(
    "name", ["networks", "backends", "learning", "analysis", "datasets", "the reference"]
)
def test_nothing_heavy_is_imported_before_it_is_used(name, answer):
    result = answer("LIGHT")
    assert result.returncode == 0, result.stderr
    assert result.said[name] == []


def test_the_error_is_an_import_error_in_one_sentence_or_two():
    error = BackendUnavailable("NengoDL", INSTALL, "No module named 'nengo_dl'")
    assert isinstance(error, ImportError)
    for part in ("NengoDL", "No module named 'nengo_dl'", "pip install"):
        assert part in str(error)
