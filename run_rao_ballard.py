"""Learn to predict images from causes (Rao & Ballard 1999); ``--help`` has the options."""

import sys

from nengo_pc.experiments.rao_ballard import main

if __name__ == "__main__":
    sys.exit(main())
