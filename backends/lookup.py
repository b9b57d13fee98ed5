"""What is registered for a class."""


def is_own(obj, method):
    """Return whether an object has a method of its own, apart from its class."""
    return method in getattr(obj, "__dict__", {})


def find(registry, cls, method):
    """Return what is registered for the class that defines how ``cls`` behaves, or None.

    Parameters
    ----------
    registry : dict
        By class, or by its name with that of its module.
    cls : type
    method : str
        What the registered thing stands for: a subclass that overrides it does something else.
    """
    for base in cls.__mro__:
        for key in (base, f"{base.__module__}.{base.__qualname__}"):
            if key in registry:
                same = getattr(base, method, None) is getattr(cls, method, None)
                return registry[key] if same else None
    return None
