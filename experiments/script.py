"""What all ``run_*.py`` scripts do around their work: parse, run, say what went wrong."""

import shlex
import sys

from nengo.exceptions import NengoException

from nengo_pc.backends import BackendUnavailable

# What bad input, missing files and numbers that ran away raise; anything else is a bug.
EXPECTED = (NengoException, BackendUnavailable, FloatingPointError, ValueError, OSError)
GOES_ON = "The same command with --resume goes on."


def run_script(name, parser, run, argv=None, stopped=GOES_ON):
    """Run a script.

    Parameters
    ----------
    name : str
        Of its file.
    parser : argparse.ArgumentParser
    run : callable
        ``run(arguments, command)``, with the parsed arguments and the command line as text.
    argv : list of str, optional
        Arguments; those of this process by default.
    stopped : str
        What to say to somebody who stops it.

    Returns
    -------
    int
        The exit status: 0, 2 after an error, 130 if it was stopped.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    try:
        run(arguments, shlex.join(["python", name, *argv]))
    except KeyboardInterrupt as interruption:
        print(f"\n{str(interruption) or 'Stopped'}. {stopped}", file=sys.stderr)
        return 130
    except EXPECTED as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return 2
    return 0
