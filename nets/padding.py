"""Zeros before and after a convolution: one rule for JAX, ONNX and C. Nothing here needs JAX."""

import math


def pads(time: int, size: int, stride: int) -> tuple[int, int]:
    """Samples to add before and after ``time`` samples so that the output has ``ceil(time / stride)``.

    The odd one goes after, as ``SAME_UPPER`` in ONNX and ``SAME`` in JAX. Exports write these numbers as explicit pads.

    Args:
        time: samples of the input.
        size: samples of the kernel.
        stride: samples from one output to the next.
    """
    total = max((math.ceil(time / stride) - 1) * stride + size - time, 0)
    return total // 2, total - total // 2
