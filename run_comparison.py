"""Compare every learning method in one table and one report; ``--help`` has the options."""

import sys

from nengo_pc.experiments.comparison.command import main

if __name__ == "__main__":
    sys.exit(main())
