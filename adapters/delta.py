"""An adapter as bytes: the arrays that changed, and what they change."""

import hashlib

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nets.model import Model, changed_arrays
from slipway.errors import Reason, Refused

_BASE = "__base_sha256__"


def to_bytes(base: Model, adapted: Model) -> bytes:
    """The arrays of ``adapted`` that differ from ``base``, as one safetensors file that names its base.

    Raises:
        ValueError: the two are not the same network.
    """
    if (base.layers, base.task) != (adapted.layers, adapted.task):
        raise ValueError("an adapter changes numbers, not layers or task")
    arrays = {name: np.ascontiguousarray(array) for name, array in changed_arrays(base, adapted).items()}
    return save({_BASE: np.frombuffer(fingerprint(base), np.uint8), **arrays})


def apply(base: Model, delta: bytes) -> Model:
    """The adapted model: the base, and the arrays of ``delta`` in place of its own.

    Raises:
        Refused: BUNDLE_MALFORMED, not an adapter or one of another base.
    """
    try:
        arrays = load(delta)
    except (SafetensorError, ValueError) as error:
        raise _malformed(f"not a safetensors file ({error})") from error
    named = arrays.pop(_BASE, np.zeros(0, np.uint8))
    if named.tobytes() != fingerprint(base):
        raise _malformed("it was made for another base")
    for name, array in arrays.items():
        if name not in base.arrays or array.shape != base.arrays[name].shape or array.dtype != np.float32:
            raise _malformed(f"{name} does not fit the base")
        if not np.isfinite(array).all():
            raise _malformed(f"{name} is not finite")
    return Model(base.task, base.layers, {**base.arrays, **arrays})


def fingerprint(model: Model) -> bytes:
    """SHA-256 of the model's file."""
    return hashlib.sha256(model.to_bytes()).digest()


def _malformed(problem: str) -> Refused:
    return Refused(Reason.BUNDLE_MALFORMED, field="adapter", problem=problem)
