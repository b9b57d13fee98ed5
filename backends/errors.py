"""What a backend says when it can't."""


class BackendUnavailable(ImportError):
    """Something a backend needs is not installed or cannot be used.

    Parameters
    ----------
    what : str
        What is missing.
    remedy : str
        The command, or the change, that mends it.
    reason : str or Exception
        What was found.
    """

    def __init__(self, what, remedy, reason):
        super().__init__(f"{what} cannot be used: {reason}. To mend it: {remedy}")
