"""Parts of arrays, without the bookkeeping that slices cost in compiled code."""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


def _array_at(context, builder, kind, data, size):
    """Make the array of a type that starts at a pointer."""
    made = make_array(kind)(context, builder)
    itemsize = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype))
    )
    populate_array(
        made,
        data=data,
        shape=cgutils.pack_array(builder, [size]),
        strides=cgutils.pack_array(builder, [itemsize]),
        itemsize=itemsize,
        meminfo=None,
    )
    return made._getvalue()


@intrinsic
def part(typing_context, array, start, size):
    """Return ``array[start : start + size]`` of a flat array, unchecked."""
    kind = types.Array(array.dtype, 1, "C")
    signature = kind(array, types.intp, types.intp)

    def generate(context, builder, signature, arguments):
        array, start, size = arguments
        given = make_array(signature.args[0])(context, builder, value=array)
        data = builder.gep(given.data, [start])
        return _array_at(context, builder, signature.return_type, data, size)

    return signature, generate


@intrinsic
def at_address(typing_context, address, size, like):
    """Return the array of ``size`` entries at a place in memory, of the type of another array."""
    kind = types.Array(like.dtype, 1, "C")
    signature = kind(types.intp, types.intp, like)

    def generate(context, builder, signature, arguments):
        address, size, _ = arguments
        kind = signature.return_type
        pointer = context.get_data_type(kind.dtype).as_pointer()
        return _array_at(context, builder, kind, builder.inttoptr(address, pointer), size)

    return signature, generate
