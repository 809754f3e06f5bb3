"""1-D convolution, one function for every machine.

XLA's own convolution is right for accelerators and 30 times too slow on a CPU (openxla/xla#34273). There the same sum
is one matrix product over shifted copies of the input (im2col), or, for one channel a group, a few shifted
multiply-adds. All forms give the same numbers to rounding.

Two things make the product fast. Windows that start a kernel's length apart are neighbours in memory, so the copies are
few and long; and they are made for a part of the batch at a time, forward and again backward, so that they stay in
cache.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from nets.padding import pads

_DIMENSIONS = ("NWC", "WIO", "NWC")
_CACHE_BYTES = 2**21  # shifted copies made at a time: what two cores keep near, so that they never reach main memory


def convolve(x: Array, kernel: Array, *, stride: int = 1, groups: int = 1, circular: bool = False) -> Array:
    """Cross-correlate ``x`` with ``kernel`` over time; the output has ``ceil(time / stride)`` samples.

    Args:
        x: (batch, time, channels).
        kernel: (size, channels / groups, features).
        stride: samples from one output to the next.
        groups: channels and features fall into this many groups that do not see one another.
        circular: the last sample is the first one's neighbour; otherwise zeros surround the window.

    Returns:
        (batch, ceil(time / stride), features).
    """
    if jax.default_backend() != "cpu":
        return native(x, kernel, stride, groups, circular)
    if groups == 1 and stride == 1 and _is_long(x.shape[1], kernel.shape[0]):
        return _long(x, kernel, circular)
    if groups == 1:
        return _columns(x, kernel.shape[0], stride, circular) @ kernel.reshape(-1, kernel.shape[2])
    if groups == x.shape[2]:
        return _depthwise(x, kernel, stride, circular)
    return _grouped(x, kernel, stride, groups, circular)


def _is_long(time: int, size: int) -> bool:
    """Whether rounding ``time`` up to a multiple of ``size`` costs little."""
    return -time % size <= time / 8


def native(x: Array, kernel: Array, stride: int, groups: int, circular: bool) -> Array:
    """The compiler's convolution: the form for accelerators, and the reference in tests."""
    padded = _pad(x, kernel.shape[0], stride, circular)
    return lax.conv_general_dilated(
        padded, kernel, (stride,), "VALID", dimension_numbers=_DIMENSIONS, feature_group_count=groups
    )


def _pad(x: Array, size: int, stride: int, circular: bool) -> Array:
    before, after = pads(x.shape[1], size, stride)
    return jnp.pad(x, ((0, 0), (before, after), (0, 0)), mode="wrap" if circular else "constant")


def _shifts(x: Array, size: int, stride: int, circular: bool) -> list[Array]:
    """``size`` arrays (batch, ceil(time / stride), channels): what each tap of the kernel sees."""
    padded = _pad(x, size, stride, circular)
    reach = (-(-x.shape[1] // stride) - 1) * stride + 1
    return [padded[:, tap : tap + reach : stride] for tap in range(size)]


def _columns(x: Array, size: int, stride: int, circular: bool) -> Array:
    """(batch, time, channels) → (batch, ceil(time / stride), size * channels), tap first."""
    return jnp.concatenate(_shifts(x, size, stride, circular), axis=-1)


def _stretches(x: Array, size: int, margins: tuple[int, int], circular: bool) -> Array:
    """(batch, time, channels) → (batch, size, ceil(time / size), size * channels): every ``size``-th column together.

    Windows that start ``size`` samples apart lie side by side in memory, so this is ``size`` long copies where
    ``_columns`` makes one short copy for each sample and tap.
    """
    batch, time, _ = x.shape
    count = -(-time // size)
    padded = jnp.pad(x, ((0, 0), margins, (0, 0)), mode="wrap" if circular else "constant")
    padded = jnp.pad(padded, ((0, 0), (0, count * size - time), (0, 0)))
    parts = [padded[:, first : first + count * size].reshape(batch, 1, count, -1) for first in range(size)]
    return jnp.concatenate(parts, axis=1)


def _in_order(y: Array, time: int) -> Array:
    """(batch, size, count, features) of ``_stretches`` → (batch, time, features)."""
    batch, size, count, features = y.shape
    return jnp.swapaxes(y, 1, 2).reshape(batch, count * size, features)[:, :time]


def _in_stretches(y: Array, size: int) -> Array:
    """The inverse of ``_in_order``: (batch, time, features) → (batch, size, ceil(time / size), features)."""
    batch, time, features = y.shape
    count = -(-time // size)
    padded = jnp.pad(y, ((0, 0), (0, count * size - time), (0, 0)))
    return jnp.swapaxes(padded.reshape(batch, count, size, features), 1, 2)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _long(x: Array, kernel: Array, circular: bool) -> Array:
    """The product over ``_stretches``: stride 1 and many samples."""
    return _correlate(x, kernel, pads(x.shape[1], kernel.shape[0], 1), circular)


def _correlate(x: Array, kernel: Array, margins: tuple[int, int], circular: bool) -> Array:
    size, channels, features = kernel.shape
    matrix = kernel.reshape(size * channels, features)

    def part(x: Array) -> Array:
        return _in_order(_stretches(x, size, margins, circular) @ matrix, x.shape[1])

    return lax.map(part, _parts(x, size)).reshape(x.shape[0], x.shape[1], features)


def _parts(x: Array, size: int) -> Array:
    """(batch, …) → (parts, batch / parts, …) so that the stretches of one part stay in the processor's cache."""
    wanted = -(-x.size * size * x.dtype.itemsize // _CACHE_BYTES)
    count = next(n for n in range(min(wanted, x.shape[0]), x.shape[0] + 1) if x.shape[0] % n == 0)
    return x.reshape(count, -1, *x.shape[1:])


def _long_forward(x: Array, kernel: Array, circular: bool) -> tuple[Array, tuple[Array, Array]]:
    return _long(x, kernel, circular), (x, kernel)


def _long_backward(circular: bool, kept: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = kept
    size, channels, features = kernel.shape
    margins = pads(x.shape[1], size, 1)

    parts = _parts(x, size)

    def part(total: Array, both: tuple[Array, Array]) -> tuple[Array, None]:
        stretches = _stretches(both[0], size, margins, circular).reshape(-1, size * channels)
        rows = _in_stretches(both[1], size).reshape(-1, features)
        return total + lax.dot_general(rows, stretches, (((0,), (0,)), ((), ()))), None

    # rowsᵀ · stretches runs at twice the speed of stretchesᵀ · rows; the barrier makes XLA turn the small result once.
    start = jnp.zeros((features, size * channels), x.dtype)
    by_feature, _ = lax.scan(part, start, (parts, gradient.reshape(*parts.shape[:2], *gradient.shape[1:])))
    to_kernel = lax.optimization_barrier(by_feature.T).reshape(kernel.shape)
    # The gradient of the input is a convolution too: of the output's gradient with the reversed kernel.
    return _correlate(gradient, kernel[::-1].transpose(0, 2, 1), margins[::-1], circular), to_kernel


_long.defvjp(_long_forward, _long_backward)


def _depthwise(x: Array, kernel: Array, stride: int, circular: bool) -> Array:
    size, _, features = kernel.shape
    repeated = jnp.repeat(x, features // x.shape[2], axis=2) if features != x.shape[2] else x
    shifts = _shifts(repeated, size, stride, circular)
    return sum((shift * kernel[tap, 0] for tap, shift in enumerate(shifts[1:], 1)), shifts[0] * kernel[0, 0])


def _grouped(x: Array, kernel: Array, stride: int, groups: int, circular: bool) -> Array:
    size, width, features = kernel.shape
    shifts = jnp.stack(_shifts(x, size, stride, circular), axis=2)
    split = shifts.reshape(*shifts.shape[:3], groups, width)
    out = jnp.einsum("btkgc,kcgf->btgf", split, kernel.reshape(size, width, groups, features // groups))
    return out.reshape(*out.shape[:2], features)
