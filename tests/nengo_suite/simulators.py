"""The reference simulator as Nengo's own tests take it."""

import nengo


class Reference(nengo.Simulator):
    """Run Nengo's own simulator as if it were another: so that the same tests are chosen."""
