"""Runs for a time, for simulators that count steps and take data."""

import warnings

import numpy as np
from nengo.exceptions import ValidationError


class Timed:
    """Run a simulator that has ``run_steps`` with data for a time in s."""

    def run(self, time_in_seconds, progress_bar=None, *, data=None):
        """Run for a time in s, rounded to whole steps; see `run_steps`."""
        if time_in_seconds < 0:
            raise ValidationError(
                f"Must be positive (got {time_in_seconds:g})", attr="time_in_seconds"
            )
        steps = int(np.round(float(time_in_seconds) / self.dt))
        if steps == 0:
            warnings.warn(
                f"{time_in_seconds} results in running for 0 timesteps. Simulator "
                f"still at time {self.time}.",
                stacklevel=2,
            )
        else:
            self.run_steps(steps, progress_bar, data=data)
