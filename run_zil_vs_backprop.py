"""Compare learning rules with backprop, update by update; ``--help`` has the options."""

import sys

from nengo_pc.experiments.zil_vs_backprop import main

if __name__ == "__main__":
    sys.exit(main())
