"""Weights that the items of a minibatch share: what is done once for all items."""

from nengo.exceptions import BuildError

from . import codes

# Instructions that threads carry out together.
TOGETHER = (
    *(codes.COPY, codes.ADD, codes.FILL, codes.OUTER, codes.ADD_ROWS),
    *(codes.BEGIN, codes.GROW),
)
# Those among them that write to no signal.
OF_GROUPS = (codes.BEGIN, codes.GROW)


def check_joint(op, rows, memory, origin):
    """Raise a BuildError if an operator that writes to what items share cannot do so for all."""
    if not any(s.base in memory.shared for s in op.sets + op.incs + op.updates):
        return
    if rows is None or any(
        is_joint(row, memory) and row[0] not in TOGETHER or row[0] == codes.COPY_PLACES
        for row in rows
    ):
        raise BuildError(
            f"{op} of {origin(op)}: the items of a minibatch cannot share what this operator "
            "changes; use minibatch_learning='copies'"
        )


def is_joint(row, memory):
    """Return whether an instruction writes to what all items share."""
    if row[0] in OF_GROUPS:
        return memory.batch > 1
    return 0 < row[codes.FIRST_ADDRESS] < memory.shared_size and row[0] != codes.NOTE
