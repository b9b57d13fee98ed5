"""What figures are made from: a data set, sizes, a seed, and networks that several figures show."""

import functools
from dataclasses import asdict, dataclass, replace

from nengo_pc import datasets
from nengo_pc.networks import Dense, Parameters


@dataclass(frozen=True)
class Drawn:
    """A figure as its function gives it.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
    caption : str
        What is seen, with the numbers that matter.
    numbers : dict
        The same numbers, and more, in the types of JSON or NumPy.
    """

    figure: object
    caption: str
    numbers: dict


@dataclass(frozen=True)
class Sizes:
    """How large networks are, and how long they learn.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers of networks of rates.
    epochs : int
        Of the classifier.
    batch_size : int
        Of all trainings by minibatches.
    updates : int
        Minibatches of the comparisons of learning rules.
    spiking_hidden : tuple of int
        Units of the network that learns in spikes.
    stream_images : int
        How many images it learns from, `side_by_side` at a time.
    side_by_side : int
    notes : int
        How often to note how that goes.
    counted : int
        Validation images on which its errors are counted each time.
    scored : int
        Test images that are shown in spikes, at most.
    """

    hidden: tuple = (100, 50)
    epochs: int = 60
    batch_size: int = 50
    updates: int = 1200
    spiking_hidden: tuple = (100,)
    stream_images: int = 36_000
    side_by_side: int = 20
    notes: int = 20
    counted: int = 100
    scored: int = 300


# A thousand images of 8x8, and sixty thousand of 28x28.
SIZES = {
    "digits": Sizes(),
    "mnist": Sizes(
        hidden=(300, 300),
        epochs=10,
        batch_size=250,
        updates=2000,
        spiking_hidden=(300,),
        stream_images=60_000,
        scored=1000,
    ),
}


@dataclass(frozen=True)
class Study:
    """All that figures depend on. What takes long is made when first asked for, and once.

    Parameters
    ----------
    dataset_name : str
        One of `nengo_pc.datasets.NAMES`.
    folder : str, optional
        Where its files are.
    seed : int
    sizes : Sizes
    """

    dataset_name: str = "digits"
    folder: str | None = None
    seed: int = 0
    sizes: Sizes = Sizes()

    @classmethod
    def of(cls, dataset_name, folder=None, seed=0):
        """A study with the sizes that suit the data set: the larger ones for images of 28x28."""
        sizes = SIZES["digits" if dataset_name == "digits" else "mnist"]
        return cls(dataset_name, folder, seed, sizes)

    def settings(self, with_data):
        """What a figure depends on, as a dict that JSON has.

        Parameters
        ----------
        with_data : bool
            Whether it shows the data set, or a network that has learned from it.
        """
        if not with_data:
            return {"seed": self.seed}
        sizes = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.sizes).items()}
        return {"seed": self.seed, "dataset": self.dataset_name, "sizes": sizes}

    @functools.cached_property
    def dataset(self):
        """The data set."""
        return datasets.load(self.dataset_name, self.folder)

    @functools.cached_property
    def shown(self):
        """The test images that are shown in spikes."""
        test = self.dataset.test
        return datasets.Split(test.images[: self.sizes.scored], test.labels[: self.sizes.scored])

    @property
    def layers(self):
        """Layers of the networks of rates."""
        return [*map(Dense, self.sizes.hidden), Dense(self.dataset.n_classes)]

    def start(self):
        """Untrained parameters."""
        return Parameters.random(self.dataset.image_shape, self.layers, seed=self.seed)

    @functools.cached_property
    def classifier(self):
        """The parameters of a network of SoftLIF units trained by Z-IL, that is by backprop."""
        from nengo_pc.experiments.presets import preset
        from nengo_pc.learning import train

        _, usual = preset("mlp", self.dataset, self.sizes.hidden, "zil")
        options = replace(
            usual, epochs=self.sizes.epochs, batch_size=self.sizes.batch_size, seed=self.seed
        )
        return train(self.start(), self.dataset, options, progress=False).parameters

    @functools.cached_property
    def spiking_learning(self):
        """A network that has learned in spikes, see `spiking.learn`."""
        from .spiking import learn

        return learn(self)
