"""Train a spiking MNIST classifier and run it in spikes; ``--help`` has the options."""

import sys

from nengo_pc.experiments.mnist_snn import main

if __name__ == "__main__":
    sys.exit(main())
