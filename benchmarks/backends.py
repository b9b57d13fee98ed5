r"""The backends side by side, and beside other libraries: speed, as ratios, in one run.

    python benchmarks/backends.py [--quick] [--only images scaling] [--out backends.json]

Sections, all by default:

- ``images``: classifiers that are shown images, an MLP and a small convolutional network, with LIF
  neurons, alpha synapses of 2 ms, constant input and random weights, 100 steps of 1 ms an image.
- ``recurrent``: an NEF oscillator, and an ensemble that learns to follow it by PES.
- ``online``: predictive coding that learns on-line.
- ``scaling``: sparse recurrent networks of 10^3 to 10^6 neurons, and 10^2 to 10^5 steps.
- ``libraries``: the MLP in snnTorch and Norse; `backends_libraries.py` says what differs.
- ``limit``: the matrix products of the MLP alone, which no simulator can do without.

Each backend or library runs in a process of its own, on the CPU. They take turns, round after
round; a turn is one run from a fresh state, or as many as fill 0.2 s. Tables have medians and
quartiles over rounds; ratios are taken in each round. Building and compiling are apart: compiling
is what the simulator says or, where it says nothing, what the first run took more than others.
Memory, in ``scaling``, is the peak of a process that does nothing else, libraries included.

The reference, the Loihi emulator and NengoOCL show one image at a time. "dl, merged" is NengoDL as
it comes, with like operators merged, which this package's backend does not do. Other libraries need
Pythons of their own, ``--torch-python`` and ``--ocl-python``:

    python -m venv torch-venv
    torch-venv/bin/pip install torch==2.13.0 snntorch==1.0.0 norse==1.1.0
    python -m venv ocl-venv
    ocl-venv/bin/pip install "numpy<2" nengo==4.1.0 scipy tqdm \
        nengo-ocl==3.0.0 pyopencl==2026.1.4 pocl-binary-distribution==3.0
    ocl-venv/bin/pip install --no-deps .

``--out`` has all times in a JSON file, written anew after each section.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil

from backends_libraries import libraries, limit
from backends_sections import Plan, images, online, recurrent, scaling

from nengo_pc.networks.files import whole_file

SECTIONS = {
    "images": images,
    "recurrent": recurrent,
    "online": online,
    "scaling": scaling,
    "libraries": libraries,
    "limit": limit,
}
PACKAGES = ("nengo", "nengo-dl", "nengo-loihi", "tensorflow", "numba", "numpy")


def setting(plan):
    """With what the numbers were made."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return {
        "rounds": plan.rounds,
        "shortest_turn_s": plan.seconds,
        "quick": plan.quick,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "versions": found,
    }


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--rounds", type=int, help="default: 10, with --quick 2")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs")
    parser.add_argument("--torch-python", help="a Python that has snnTorch and Norse")
    parser.add_argument("--ocl-python", help="a Python that has NengoOCL; default: this one")
    parser.add_argument("--out", help="JSON file for all times")
    given = parser.parse_args()
    for name in ("torch_python", "ocl_python"):
        program = getattr(given, name)
        if program is not None and shutil.which(program) is None:
            parser.error(f"no program at {program}")
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return given


def main():
    """Run the sections, print their tables, and write what was measured."""
    given = arguments()
    plan = Plan(
        rounds=given.rounds or (2 if given.quick else 10),
        seconds=0.05 if given.quick else 0.2,
        quick=given.quick,
        torch_python=given.torch_python,
        ocl_python=given.ocl_python,
    )
    measured = {"setting": setting(plan), "sections": {}}
    for name in given.only:
        text, results = SECTIONS[name](plan)
        print(f"## {name}\n\n{text}\n", flush=True)
        measured["sections"][name] = {"table": text, "results": [r.raw for r in results]}
        if given.out:
            with whole_file(given.out) as temporary:
                temporary.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
