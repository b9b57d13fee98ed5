"""Complete models that define ``model``, to open in Nengo GUI: ``nengo models/mnist_snn.py``."""
