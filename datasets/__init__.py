"""Images with labels: MNIST, Fashion-MNIST and the 8x8 digits that come with scikit-learn.

`load` finds a data set (``NAMES``), checks it and returns a `Dataset` of three `Split` objects:
training, validation and test. MNIST and Fashion-MNIST are looked for in a given folder, under
the environment variable ``NENGO_PC_DATA``, in Keras' cache and, last, on the network.
`DamagedFileError` says that a file is there but wrong, `NotAvailableError` that none was found.
"""

from .dataset import Dataset, Split
from .errors import DamagedFileError, NotAvailableError
from .loader import NAMES, load

__all__ = ["NAMES", "DamagedFileError", "Dataset", "NotAvailableError", "Split", "load"]
