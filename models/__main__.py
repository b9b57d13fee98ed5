"""Open a model in Nengo GUI: ``python -m nengo_pc.models mnist_snn``.

Does what ``nengo models/mnist_snn.py`` does, on this package's native simulator, and seconds sooner
where NengoDL is installed: Nengo GUI imports every simulator that it knows of, and NengoDL imports
TensorFlow. ``--backend nengo`` runs a model on Nengo's own simulator.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = sorted(path.name.removesuffix(".py.cfg") for path in FOLDER.glob("*.py.cfg"))
BACKEND = "nengo_pc.backends.native"
USAGE = f"""\
usage: python -m nengo_pc.models NAME [options of Nengo GUI's command, nengo]

NAME: {", ".join(NAMES)}, or the path of a model
"""


def main(argv=None):
    """Run the command line; the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    path = FOLDER / f"{argv[0]}.py" if argv[0] in NAMES else Path(argv[0])
    if not path.is_file():
        print(f"python -m nengo_pc.models: error: no model {argv[0]!r}\n\n{USAGE}", file=sys.stderr)
        return 2
    try:
        from nengo_gui import exec_env
        from nengo_gui import main as gui
    except ImportError:
        print('Nengo GUI is missing: pip install "nengo-pc[gui]"', file=sys.stderr)
        return 2
    exec_env.known_modules[:] = ["nengo", BACKEND]
    sys.argv[:] = ["nengo", "--backend", BACKEND, *argv[1:], str(path)]
    gui()
    return 0


if __name__ == "__main__":
    sys.exit(main())
