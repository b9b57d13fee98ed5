"""Instructions: what the first number of a row says is to be done.

A row has `WIDTH` integers: the code, the place of its constants, `ADDRESSES` addresses in the
buffer, and sizes, places and flags. What each code's columns mean stands in `loop.py`.
"""

WIDTH = 16
PARAMS = 1
FIRST_ADDRESS, ADDRESSES = 2, 6
FIRST_INT = FIRST_ADDRESS + ADDRESSES

NAMES = (
    "PYTHON", "JOINT", "TIME", "FILL", "COPY", "ADD", "COPY_PLACES", "ADD_SCALED", "ADD_PRODUCT",
    "ADD_PRODUCT_PLACES", "BY_COLUMN", "BY_ROW", "HELD_BY_COLUMN", "HELD_CONVOLUTION", "SPARSE",
    "CONVOLUTION",
    "RECTIFIED_LINEAR", "SIGMOID", "TANH", "LIF_RATE", "SOFT_LIF_RATE", "ADAPTIVE_LIF_RATE", "LIF",
    "ADAPTIVE_LIF", "INTEGRATE", "IZHIKEVICH", "STOCHASTIC",
    "SCALE", "FIRST_ORDER", "SECOND_ORDER", "ANY_ORDER",
    "PREPARE", "DIFFERENCES", "OUTER", "ADD_ROWS", "RLS", "BEGIN", "WEIGHTED", "NOTE",
    "GROW", "SETTLE",
    "GATED_FEEDBACK", "OUTPUT_ERROR", "EXCESS_POWER", "DIVIDED_ERROR", "FALLING_RATE",
    "FEED", "PRESENT", "TILES",
)  # fmt: skip
(
    PYTHON, JOINT, TIME, FILL, COPY, ADD, COPY_PLACES, ADD_SCALED, ADD_PRODUCT,
    ADD_PRODUCT_PLACES, BY_COLUMN, BY_ROW, HELD_BY_COLUMN, HELD_CONVOLUTION, SPARSE, CONVOLUTION,
    RECTIFIED_LINEAR, SIGMOID, TANH, LIF_RATE, SOFT_LIF_RATE, ADAPTIVE_LIF_RATE, LIF,
    ADAPTIVE_LIF, INTEGRATE, IZHIKEVICH, STOCHASTIC,
    SCALE, FIRST_ORDER, SECOND_ORDER, ANY_ORDER,
    PREPARE, DIFFERENCES, OUTER, ADD_ROWS, RLS, BEGIN, WEIGHTED, NOTE,
    GROW, SETTLE,
    GATED_FEEDBACK, OUTPUT_ERROR, EXCESS_POWER, DIVIDED_ERROR, FALLING_RATE,
    FEED, PRESENT, TILES,
) = range(len(NAMES))  # fmt: skip

# Why the loop stopped.
DONE, AT_PYTHON, AT_JOINT, NOT_FINITE = range(4)

# How much is kept of a probe.
KEEP_ALL, KEEP_LAST, KEEP_MEAN = range(3)

# What a filter does with its output.
SET, ADD_TO = range(2)

# Slopes that multiply feedback, and answers of an output.
STEP, BOX, NONE, RECTIFIED, LOGISTIC, HYPERBOLIC, LIF_SLOPE, SOFT_LIF_SLOPE = range(8)
RECTIFIED_OUTPUT, SOFTMAX, IDENTITY = range(3)

# Vectors that learning rules work out before they multiply them.
BCM_POST, SQUARE, VOJA_POST = range(3)

# Entries of signals that instructions work through together, to stay in the cache.
TILE = 4096
# Instructions that need of each signal but the entry that they are at, with the addresses of those.
ENTRYWISE = {
    FILL: (2,), COPY: (2, 3), ADD: (2, 3), ADD_SCALED: (2, 3), ADD_PRODUCT: (2, 3, 4),
    SCALE: (2, 3), FIRST_ORDER: (2, 3, 4), RECTIFIED_LINEAR: (2, 3), SIGMOID: (2, 3), TANH: (2, 3),
    LIF_RATE: (2, 3), SOFT_LIF_RATE: (2, 3), LIF: (2, 3, 4, 5), ADAPTIVE_LIF: (2, 3, 4, 5, 6, 7),
    INTEGRATE: (2, 3, 4), IZHIKEVICH: (2, 3, 4, 5),
}  # fmt: skip
