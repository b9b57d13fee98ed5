"""Predictive coding that predicts images from causes, learned without labels."""

import numbers

import numpy as np
from nengo.exceptions import ValidationError

from nengo_pc.backends.compatibility import import_tensorflow
from nengo_pc.networks.parameters import is_at_least_0

from . import generative_dynamics as dynamics
from . import generative_files as files
from . import generative_training as training
from .rule_options import DTYPES

tf = import_tensorflow()

# Images that are worked on at a time where nothing is learned.
CHUNK = 250


class RaoBallard:
    """Hierarchical predictive coding of images (Rao & Ballard 1999).

    Layer l of causes predicts the layer below by ``u_{l-1} = f(U_l x_l)``, the first of them the
    image, layer 0. Values relax from 0 to lower the free energy ::

        F = Σ_{l=0}^{L-1} pi_l/2 |x_l - u_l|²  +  Σ_{l=1}^{L} alpha_l Σ_i g(x_li)

    and the weights then follow ``-dF/dU_l`` [1]_ (`nengo_pc.learning.generative_dynamics` has the
    equations). F is the variational free energy of a point estimate of the causes, without the
    terms that neither values nor weights change (`nengo_pc.analysis.free_energy`).

    Without a bound on the weights F would fall for ever as weights grow and causes shrink. Here
    the columns of every U_l keep a length of at most ``max_norm``, as in [2]_; Rao & Ballard have
    weight decay in that place, whose strength then sets the size of the causes.

    Parameters
    ----------
    sizes : sequence of int
        Pixels and causes of each layer: ``(n_0, n_1, ..., n_L)``.
    activation : {"tanh", "identity", "sigmoid"}
        f, of all layers. Images must lie where f does: within -1 and 1 for tanh.
    precision : sequence of float, optional
        ``pi_l`` of the layers that are predicted, 0 to L - 1; 1 by default.
    prior : {"sparse", "gaussian"}
        g: ``log(1 + x²)``, Rao & Ballard's kurtotic prior, or ``x²/2``.
    prior_weight : float or sequence of float
        ``alpha_l``. One number is for the top layer alone, the others being predicted from above;
        a sequence has one for each layer of causes (0 for none).
    max_norm : float
    inference_steps : int
        Steps that values take for an image.
    inference_rate : float
        Size of a step, in units of the inverse of a bound of the largest curvature of F, below 2.
        The curvature of f is not in that bound: 1 leaves room for it.
    tolerance : float, optional
        Stop before that once no value changes faster, in that unit of time: equilibrium.
    dtype : {"float32", "float64"}
    seed : int
        Of the first weights and of the order of the images.

    Attributes
    ----------
    weights : list of ndarray
        ``U_1`` to ``U_L``, shapes ``(n_{l-1}, n_l)``.
    model : nengo_pc.learning.generative_dynamics.Generative
    variables : list of tf.Variable
        The weights where they are kept.

    Raises
    ------
    nengo.exceptions.ValidationError
        If a parameter is not of these.

    References
    ----------
    .. [1] R. Rao, D. Ballard (1999), Predictive coding in the visual cortex: a functional
       interpretation of some extra-classical receptive-field effects, Nat. Neurosci. 2, 79-87.
       https://doi.org/10.1038/4580
    .. [2] B. Olshausen, D. Field (1996), Emergence of simple-cell receptive field properties by
       learning a sparse code for natural images, Nature 381, 607-609.
       https://doi.org/10.1038/381607a0

    Examples
    --------
    >>> from nengo_pc.datasets import load
    >>> from nengo_pc.learning.generative import RaoBallard
    >>> images = load("digits").train.images
    >>> images = images - images.mean(axis=0)
    >>> network = RaoBallard((64, 20), precision=[10.0])
    >>> history = network.fit(images, epochs=2, progress=False)
    >>> history[1]["free_energy"] < history[0]["free_energy"]
    True
    >>> network.reconstruct(images[:5]).shape
    (5, 8, 8, 1)
    """

    def __init__(
        self,
        sizes,
        activation="tanh",
        precision=None,
        prior="sparse",
        prior_weight=1.0,
        max_norm=1.0,
        inference_steps=50,
        inference_rate=1.0,
        tolerance=None,
        dtype="float32",
        seed=0,
    ):
        self.sizes = tuple(sizes) if np.iterable(sizes) else (sizes,)
        _check(
            len(self.sizes) >= 2 and all(_is_int(n, 1) for n in self.sizes),
            "sizes",
            "the number of pixels, then of the causes of each layer",
            sizes,
        )
        n_layers = len(self.sizes) - 1
        if precision is None:
            precision = (1.0,) * n_layers
        if isinstance(prior_weight, numbers.Real):
            prior_weight = (0.0,) * (n_layers - 1) + (prior_weight,)
        for name, given in (("precision", precision), ("prior_weight", prior_weight)):
            per_layer = tuple(given) if np.iterable(given) else (given,)
            fits = len(per_layer) == n_layers and all(is_at_least_0(v) for v in per_layer)
            # A layer without precision would be predicted for nothing.
            fits = fits and (name == "prior_weight" or all(per_layer))
            kind = "positive numbers" if name == "precision" else "numbers from 0 on"
            _check(fits, name, f"{n_layers} {kind}, one per layer of weights", given)
            setattr(self, name, tuple(float(v) for v in per_layer))
        self.activation, self.prior, self.dtype = activation, prior, dtype
        choices = {
            "activation": tuple(dynamics.ACTIVATIONS),
            "prior": tuple(dynamics.PRIORS),
            "dtype": DTYPES,
        }
        for name, allowed in choices.items():
            value = getattr(self, name)
            fits = isinstance(value, str) and value in allowed
            _check(fits, name, f"one of {', '.join(allowed)}", value)
        self.max_norm, self.inference_rate, self.tolerance = max_norm, inference_rate, tolerance
        for name in ("max_norm", "inference_rate", "tolerance"):
            value = getattr(self, name)
            fits = is_at_least_0(value) and value > 0
            _check(fits or (name == "tolerance" and value is None), name, "positive", value)
        _check(inference_rate < 2, "inference_rate", "below 2", inference_rate)
        self.inference_steps, self.seed = inference_steps, seed
        _check(_is_int(inference_steps, 1), "inference_steps", "an int from 1 on", inference_steps)
        _check(_is_int(seed, 0), "seed", "an int from 0 on", seed)

        self.model = dynamics.Generative(activation, self.precision, prior, self.prior_weight)
        rng = np.random.default_rng(seed)
        self.variables = []
        for below, n in zip(self.sizes, self.sizes[1:]):
            u = rng.normal(size=(below, n))
            u *= max_norm / np.linalg.norm(u, axis=0)
            self.variables.append(tf.Variable(u.astype(dtype)))
        self._compiled = tf.function(self.relaxed, jit_compile=True, autograph=False)

    @property
    def weights(self):
        """``U_1`` to ``U_L``, copies."""
        return [u.numpy() for u in self.variables]

    @property
    def settings(self):
        """What the network was made with, as a JSON-able dict of the constructor's arguments."""
        names = (
            "sizes",
            "activation",
            "precision",
            "prior",
            "prior_weight",
            "max_norm",
            "inference_steps",
            "inference_rate",
            "tolerance",
            "dtype",
            "seed",
        )
        values = {name: getattr(self, name) for name in names}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def __str__(self):
        return "-".join(map(str, self.sizes))

    def set_weights(self, weights):
        """Take over weights as `weights` gives them.

        Raises
        ------
        nengo.exceptions.ValidationError
            If their shapes are others.
        """
        wanted = [tuple(u.shape) for u in self.variables]
        given = [np.shape(u) for u in weights]
        _check(given == wanted, "weights", f"arrays of the shapes {wanted}", given)
        for variable, value in zip(self.variables, weights):
            variable.assign(np.asarray(value, dtype=self.dtype))

    # --- values

    def relaxed(self, values, steps):
        """Image and causes after so many steps, as tensors: for compiled functions."""
        return dynamics.relax(
            self.model, self.variables, values, steps, self.inference_rate, self.tolerance
        )[0]

    def infer(self, images, steps=None, start=None):
        """The causes of images.

        Parameters
        ----------
        images : array_like, shape (n, ...)
            Of ``n_0`` pixels each.
        steps : int, optional
            In place of ``inference_steps``.
        start : list of array_like, each of shape (n, n_l), optional
            Values that layers 1 to L start from; by default 0, where the priors are largest.

        Returns
        -------
        list of ndarray, each of shape (n, n_l)
            Values of layers 1 to L.

        Raises
        ------
        nengo.exceptions.ValidationError
            If the images do not fit or are not finite.
        """
        flat = self._flat(images)
        steps = self.inference_steps if steps is None else steps
        _check(_is_int(steps, 0), "steps", "an int from 0 on", steps)
        if start is None:
            start = [np.zeros((len(flat), n)) for n in self.sizes[1:]]
        values = [flat, *self._causes(start, len(flat))]
        chunks = []
        for first in range(0, len(flat), CHUNK):
            some = [v[first : first + CHUNK] for v in values]
            # One shape, so that XLA compiles once.
            padded = [np.pad(v, ((0, CHUNK - len(v)), (0, 0))) for v in some]
            relaxed = self._compiled([tf.constant(v) for v in padded], tf.constant(steps))
            chunks.append([x.numpy()[: len(some[0])] for x in relaxed[1:]])
        return [np.concatenate(layer) for layer in zip(*chunks)]

    def predict(self, causes, layer=1):
        """The image that causes of one layer predict: for layer 1, ``f(U_1 x_1)``.

        Parameters
        ----------
        causes : array_like, shape (n, n_layer)
        layer : int
            From 1 to L; causes between it and the image are those that it predicts.

        Returns
        -------
        ndarray, shape (n, n_0)
        """
        self._check_layer(layer)
        x = np.asarray(causes, dtype=self.dtype)
        fits = x.ndim == 2 and x.shape[1] == self.sizes[layer]
        _check(fits, "causes", f"of shape (n, {self.sizes[layer]})", x.shape)
        f = dynamics.ACTIVATIONS[self.activation][0]
        for u in reversed(self.variables[:layer]):
            x = f(tf.matmul(x, u, transpose_b=True))
        return x.numpy()

    def reconstruct(self, images, steps=None, layer=1):
        """What the causes of images predict, of the shape of the images: see `predict`."""
        causes = self.infer(images, steps)
        self._check_layer(layer)
        return self.predict(causes[layer - 1], layer).reshape(np.shape(images))

    def free_energy(self, images, causes=None):
        """F of images and its terms, in nats.

        Parameters
        ----------
        images : array_like, shape (n, ...)
        causes : list of array_like, optional
            Values of layers 1 to L; by default those of `infer`.

        Returns
        -------
        dict of str to ndarray, each of shape (n,)
            ``"error l"`` (``pi_l/2 |e_l|²``) of layers 0 to L - 1, ``"prior l"``
            (``alpha_l Σ g``) of the layers of causes that have one, and their sum, ``"total"``.
        """
        flat = self._flat(images)
        causes = self.infer(flat) if causes is None else self._causes(causes, len(flat))
        values = [tf.constant(v) for v in (flat, *causes)]
        terms = dynamics.terms(self.model, self.variables, values)
        terms = {name: term.numpy() for name, term in terms.items()}
        return {**terms, "total": sum(terms.values())}

    def course(self, images, steps=None):
        """Terms of F while the values relax, means over the images.

        Parameters
        ----------
        images : array_like, shape (n, ...)
        steps : int, optional
            In place of ``inference_steps``.

        Returns
        -------
        dict of str to ndarray, each of shape (steps + 1,)
            As `free_energy`, at the start and after each step.
        """
        steps = self.inference_steps if steps is None else steps
        causes = self.infer(images, 0)
        course = [self.free_energy(images, causes)]
        for _ in range(steps):
            causes = self.infer(images, 1, causes)
            course.append(self.free_energy(images, causes))
        return {name: np.array([terms[name].mean() for terms in course]) for name in course[0]}

    def fields(self, layer=1):
        """What one unit of each cause of a layer adds to the image, at values 0.

        Parameters
        ----------
        layer : int
            From 1 to L.

        Returns
        -------
        ndarray, shape (n_layer, n_0)
            Columns of ``U_1`` for layer 1 and of ``U_1 ... U_l`` above it, times the slopes of f.
        """
        self._check_layer(layer)
        slope = dynamics.ACTIVATIONS[self.activation][2]
        product = np.eye(self.sizes[0])
        for u in self.weights[:layer]:
            product = slope * product @ u
        return product.T

    # --- learning

    def fit(
        self,
        images,
        epochs=10,
        batch_size=100,
        learning_rate=5e-3,
        optimizer="adam",
        progress=True,
    ):
        """Learn the weights from images, without labels.

        The values of each minibatch relax, then the weights learn once. The learning rate falls to
        0 along a cosine. Called again, it goes on from the weights there are.

        Parameters
        ----------
        images : array_like, shape (n, ...)
            Of ``n_0`` pixels each.
        epochs, batch_size : int
        learning_rate : float
            At the start.
        optimizer : {"adam", "sgd"}
            SGD is without momentum.
        progress : bool
            Show a progress bar.

        Returns
        -------
        list of dict
            One per epoch: ``epoch``, ``free_energy`` and its ``terms`` (means over the images, each
            before the update from its minibatch), ``seconds``.

        Raises
        ------
        nengo.exceptions.ValidationError
            If a parameter does not fit.
        TrainingDiverged
            If the free energy or a weight is no longer finite. The weights are then those from the
            end of the last whole epoch.
        """
        flat = self._flat(images)
        _check(_is_int(epochs, 1), "epochs", "an int from 1 on", epochs)
        fits = _is_int(batch_size, 1) and batch_size <= len(flat)
        _check(fits, "batch_size", f"an int from 1 to the {len(flat)} images", batch_size)
        fits = is_at_least_0(learning_rate) and learning_rate > 0
        _check(fits, "learning_rate", "positive", learning_rate)
        allowed = training.OPTIMIZERS
        _check(optimizer in allowed, "optimizer", f"one of {', '.join(allowed)}", optimizer)
        return training.fit(self, flat, epochs, batch_size, learning_rate, optimizer, progress)

    # --- files and checks

    def _flat(self, images):
        """Images as an array of shape (n, n_0)."""
        images = np.asarray(images, dtype=self.dtype)
        if images.ndim < 2 or len(images) == 0 or images[0].size != self.sizes[0]:
            wanted = f"images of {self.sizes[0]} pixels, shape (n, ...) with n from 1 on"
            raise ValidationError(f"must be {wanted}, got shape {images.shape}", "images", self)
        if not np.isfinite(images).all():
            raise ValidationError("must be finite, got NaN or infinity", "images", self)
        return images.reshape(len(images), -1)

    def _causes(self, causes, n):
        """Causes of n images as a list of arrays, one per layer."""
        causes = [np.asarray(x, dtype=self.dtype) for x in causes]
        wanted = [(n, size) for size in self.sizes[1:]]
        given = [x.shape for x in causes]
        _check(given == wanted, "causes", f"one array per layer, of shapes {wanted}", given)
        return causes

    def _check_layer(self, layer):
        n_layers = len(self.sizes) - 1
        _check(_is_int(layer, 1) and layer <= n_layers, "layer", f"from 1 to {n_layers}", layer)

    def save(self, path):
        """Write one ``.npz`` file, whole or not at all."""
        files.save(path, self.settings, self.weights)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. Pickled objects are refused, never loaded.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        nengo.exceptions.ValidationError
            If the file is not one of these, is truncated, or holds pickled objects.
        """
        settings, weights = files.load(path)
        try:
            network = cls(**settings)
            network.set_weights(weights)
        except (TypeError, ValueError) as error:
            raise ValidationError(f"{path}: {error}", "path", cls) from error
        return network


def _is_int(value, low):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= low


def _check(fits, name, wanted, given):
    if not fits:
        raise ValidationError(f"must be {wanted}, got {given!r}", name, RaoBallard)
