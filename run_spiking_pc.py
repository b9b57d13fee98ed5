"""Learn MNIST on line in a network of spiking neurons; ``--help`` has the options."""

import sys

from nengo_pc.experiments.spiking_pc import main

if __name__ == "__main__":
    sys.exit(main())
