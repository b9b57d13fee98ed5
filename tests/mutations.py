"""Break the code on purpose, one change at a time, and see that a test fails.

    python tests/mutations.py [--only TEXT] [--list]

Each change is made in a copy of the package, and the tests named beside it run there. A change that
no test notices is a test to write. Exit status 1 if there is one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NATIVE = "backends/native/"
KERNELS = NATIVE + "kernels/"

# File, text in it, what takes its place, and the tests that are to notice.
MUTATIONS = [
    (
        KERNELS + "neurons.py",
        "n += (voltage[i] > one) | ((r > zero) & (r < dt))",
        "n += voltage[i] > one",
        "test_native_neurons.py",
    ),
    (
        KERNELS + "neurons.py",
        "voltage[i] = lowest if v < lowest and r <= zero else v",
        "voltage[i] = v",
        "test_native_neurons.py",
    ),
    (
        KERNELS + "products.py",
        "for k in range(n - n % 4, n):",
        "for k in range(n - n % 4 + 1, n):",
        "test_native_operators.py",
    ),
    (
        KERNELS + "products.py",
        "differs |= a[i] != b[i]",
        "differs |= False",
        "test_native_operators.py test_native_python.py",
    ),
    (
        KERNELS + "filters.py",
        "if not delayed:",
        "if delayed:",
        "test_native_operators.py",
    ),
    (
        KERNELS + "growing.py",
        "p[0] = kept * p[0] - lost * p[2]",
        "p[0] = kept * p[0]",
        "test_native_backend.py test_native_simulator.py test_spiking_pc.py",
    ),
    (
        KERNELS + "growing.py",
        "p[4 + most + k] += p[4 + k]",
        "pass",
        "test_native_backend.py test_spiking_pc.py",
    ),
    (
        KERNELS + "jointly.py",
        "of_each = one / batch if mean else one",
        "of_each = one",
        "test_native_simulator.py",
    ),
    (
        KERNELS + "randoms.py",
        "np.uint32((key >> 32) ^ item)",
        "np.uint32(key >> 32)",
        "test_native_neurons.py test_native_simulator.py",
    ),
    (
        NATIVE + "python_steps.py",
        "copied = _Copies(first_item + i, describe) if i else None",
        "copied = None",
        "test_native_simulator.py",
    ),
    (
        NATIVE + "python_steps.py",
        "op.process.get_rng(rng)  # draws a seed, as in Nengo",
        "pass",
        "test_native_python.py test_native_simulator.py",
    ),
    (
        NATIVE + "program.py",
        "        return has_kernel(op.fn)\n",
        "        return True\n",
        "test_native_python.py",
    ),
    (
        NATIVE + "simulator.py",
        "self._memory.of_all_items(flag)[...] = 0",
        "pass",
        "test_native_python.py test_native_operators.py",
    ),
    (
        NATIVE + "simulator.py",
        "self._n_steps = int(control[0])",
        "self._n_steps = last",
        "test_native_python.py",
    ),
    (
        NATIVE + "plan.py",
        "            array[...] = values\n\n\ndef plain_loop",
        "            pass\n\n\ndef plain_loop",
        "test_native_simulator.py",
    ),
    (
        NATIVE + "records.py",
        "grown[:, :used] = array[:, :used]",
        "pass",
        "test_native_simulator.py test_native_python.py",
    ),
]


def copied(folder):
    """Make a copy of the package as ``folder/nengo_pc``, and of its tests."""
    package = folder / "nengo_pc"
    for path in ROOT.iterdir():
        if (path / "__init__.py").exists():
            ignored = shutil.ignore_patterns("*.nbi", "*.nbc")
            shutil.copytree(path, package / path.name, ignore=ignored)
    for name in ("tests", "pyproject.toml"):
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / name)
    return package


def survives(package, name, old, new, tests):
    """Return whether the tests pass although the code is broken."""
    path = package / name
    text = path.read_text()
    if text.count(old) != 1:
        raise SystemExit(f"{name}: must have this once, has it {text.count(old)} times: {old!r}")
    path.write_text(text.replace(old, new))
    try:
        folder = package.parent
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            *(f"tests/{t}" for t in tests.split()),
        ]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    finally:
        path.write_text(text)
    return done.returncode == 0


def main():
    """Run the mutations and say which survive."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="those whose file or text has it"
    )
    parser.add_argument("--list", action="store_true", help="say what they are and stop")
    given = parser.parse_args()
    chosen = [m for m in MUTATIONS if given.only in m[0] + m[1]]
    if given.list:
        for name, old, new, _ in chosen:
            print(f"{name}: {old.strip()} -> {new.strip()}")
        return 0
    alive = 0
    with tempfile.TemporaryDirectory() as folder:
        package = copied(Path(folder))
        for name, old, new, tests in chosen:
            survived = survives(package, name, old, new, tests)
            alive += survived
            verdict = "SURVIVED" if survived else "noticed"
            print(f"{verdict:8s} {name}: {old.strip()}", flush=True)
    print(f"{len(chosen) - alive} noticed, {alive} survived")
    return int(alive > 0)


if __name__ == "__main__":
    sys.exit(main())
