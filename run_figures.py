"""Make every figure of the study from data and simulation; ``--help`` has the options."""

import sys

from nengo_pc.experiments.study.command import main

if __name__ == "__main__":
    sys.exit(main())
