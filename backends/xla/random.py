"""Random numbers from counters: Threefry-2x32 with 20 rounds.

Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", https://doi.org/10.1145/2063384.2063405
"""

from ..compatibility import import_tensorflow

tf = import_tensorflow()

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA  # of the key schedule, from Skein


def threefry_2x32(key, counter):
    """Return two 32-bit words for every key and counter, as good as random.

    Parameters
    ----------
    key, counter : pair of tf.Tensor
        uint32, of shapes that broadcast.

    Returns
    -------
    pair of tf.Tensor
        uint32
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ tf.constant(PARITY, tf.uint32))
    x, y = counter[0] + keys[0], counter[1] + keys[1]
    for block in range(5):
        for rotation in ROTATIONS[block % 2]:
            x = x + y
            left = tf.bitwise.left_shift(y, tf.constant(rotation, tf.uint32))
            right = tf.bitwise.right_shift(y, tf.constant(32 - rotation, tf.uint32))
            y = (left | right) ^ x
        x = x + keys[(block + 1) % 3]
        y = y + keys[(block + 2) % 3] + tf.constant(block + 1, tf.uint32)
    return x, y


def to_uniform(bits, dtype):
    """Return numbers in [0, 1) from two words: 24 bits in float32, 53 in float64."""
    high, low = bits
    if dtype == tf.float32:
        return tf.cast(tf.bitwise.right_shift(high, tf.constant(8, tf.uint32)), dtype) * 2.0**-24
    high = tf.cast(tf.bitwise.right_shift(high, tf.constant(5, tf.uint32)), dtype)
    low = tf.cast(tf.bitwise.right_shift(low, tf.constant(6, tf.uint32)), dtype)
    return (high * 2.0**26 + low) * 2.0**-53
