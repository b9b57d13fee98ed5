"""What can go wrong with a data set."""


class DamagedFileError(ValueError):
    """A data file is there, but it does not hold what it should."""


class NotAvailableError(FileNotFoundError):
    """A data set is in none of the places it was looked for, and could not be downloaded."""
