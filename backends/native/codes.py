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
    "ADD_PRODUCT_PLACES", "BY_COLUMN", "BY_ROW", "HELD_BY_COLUMN", "SPARSE", "CONVOLUTION",
    "RECTIFIED_LINEAR", "SIGMOID", "TANH", "LIF_RATE", "SOFT_LIF_RATE", "ADAPTIVE_LIF_RATE", "LIF",
    "ADAPTIVE_LIF", "INTEGRATE", "IZHIKEVICH", "STOCHASTIC",
    "SCALE", "FIRST_ORDER", "SECOND_ORDER", "ANY_ORDER",
    "PREPARE", "DIFFERENCES", "OUTER", "ADD_ROWS", "RLS", "BEGIN", "WEIGHTED", "NOTE",
    "GROW", "SETTLE",
    "GATED_FEEDBACK", "OUTPUT_ERROR", "EXCESS_POWER", "DIVIDED_ERROR", "FALLING_RATE",
    "FEED", "PRESENT",
)  # fmt: skip
(
    PYTHON, JOINT, TIME, FILL, COPY, ADD, COPY_PLACES, ADD_SCALED, ADD_PRODUCT,
    ADD_PRODUCT_PLACES, BY_COLUMN, BY_ROW, HELD_BY_COLUMN, SPARSE, CONVOLUTION,
    RECTIFIED_LINEAR, SIGMOID, TANH, LIF_RATE, SOFT_LIF_RATE, ADAPTIVE_LIF_RATE, LIF,
    ADAPTIVE_LIF, INTEGRATE, IZHIKEVICH, STOCHASTIC,
    SCALE, FIRST_ORDER, SECOND_ORDER, ANY_ORDER,
    PREPARE, DIFFERENCES, OUTER, ADD_ROWS, RLS, BEGIN, WEIGHTED, NOTE,
    GROW, SETTLE,
    GATED_FEEDBACK, OUTPUT_ERROR, EXCESS_POWER, DIVIDED_ERROR, FALLING_RATE,
    FEED, PRESENT,
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
