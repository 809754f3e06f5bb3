"""Int8 weights in the order the kernels read them, so that every load is next to the one before."""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
BLOCK = 4  # features whose sums grow together
CHUNK = 4  # inputs that one 32-bit load can hold


def pack(weights: Integers, groups: int, kind: npt.DTypeLike = np.int8) -> npt.NDArray[np.integer]:
    """Weights (features, inputs) of all groups → blocks of 4 features, in them chunks of 4 inputs, gaps zero."""
    per_group = weights.reshape(groups, len(weights) // groups, -1)
    padded = np.pad(per_group, ((0, 0), (0, -per_group.shape[1] % BLOCK), (0, -per_group.shape[2] % CHUNK)))
    blocks = padded.reshape(groups, -1, BLOCK, padded.shape[2] // CHUNK, CHUNK)
    return np.asarray(blocks.transpose(0, 1, 3, 2, 4).ravel(), kind)


def unpack(packed: npt.NDArray[np.integer], length: int) -> Integers:
    """Weights (features, length) of one group as ``pack`` was given them, their gaps filled with zeros."""
    blocks = packed.reshape(-1, length // CHUNK, BLOCK, CHUNK)
    return np.asarray(blocks.swapaxes(1, 2).reshape(-1, length), np.int64)


def pack_depthwise(weights: Integers) -> npt.NDArray[np.int8]:
    """Weights (channels, taps) → blocks of 4 channels, in each (taps, 4)."""
    padded = np.pad(weights, ((0, -len(weights) % BLOCK), (0, 0)))
    return padded.reshape(-1, BLOCK, weights.shape[1]).swapaxes(1, 2).ravel().astype(np.int8)


def pad_features(numbers: npt.NDArray[np.generic], groups: int) -> npt.NDArray[np.generic]:
    """(features,) of all groups, each group filled up to a whole block."""
    per_group = numbers.reshape(groups, -1)
    return np.pad(per_group, ((0, 0), (0, -per_group.shape[1] % BLOCK))).ravel()
