"""Nengo's own tests of simulators, on the native one.

A part of them here; all of them by ``make test-nengo``, or with ``make test-slow``.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "nengo_suite"


def nengos_tests(configuration, *modules):
    """How many of Nengo's tests passed and failed, and what pytest said."""
    command = [sys.executable, "-m", "pytest", "-c", FOLDER / configuration, "--pyargs", *modules]
    said = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER).stdout
    counts = {outcome: int(n) for n, outcome in re.findall(r"(\d+) (passed|failed|error)", said)}
    return counts.get("passed", 0), counts.get("failed", 0) + counts.get("error", 0), said


@pytest.mark.parametrize(
    "module, at_least",
    [("test_probe", 10), ("test_synapses", 8), ("test_node", 12), ("test_simulator", 15)],
)
def test_a_part(module, at_least):
    passed, failed, said = nengos_tests("native.ini", f"nengo.tests.{module}")
    assert failed == 0, said
    assert passed >= at_least, said


@pytest.mark.slow
def test_all_of_what_the_reference_passes():
    reference, failed_there, _ = nengos_tests("reference.ini", "--slow", "nengo")
    passed, failed, said = nengos_tests("native.ini", "--slow", "nengo")
    assert reference > 500
    # One that loads the entry points of other packages is left out.
    assert passed >= reference - 1 and failed <= failed_there, said
