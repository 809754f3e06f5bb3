"""An adapter as bytes: the arrays that changed, what they change, and the layer it inserts if there is one.

One safetensors file. ``__base_sha256__`` names the base. ``__front__`` holds the layer records, as JSON, that the
adapter puts in front of the base's, where a scope needs a layer that the base has not; the other arrays are then
numbered with it. A kernel that changed by a low rank is there as ``lora.<kernel>.a`` and ``.b`` where those are fewer.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from adapters.scopes.lora import PREFIX, matrix_shape, merge
from nets.layers import Correct, Layers, from_json, moved, to_json
from nets.model import Model, changed_arrays
from nets.network import initial_arrays
from slipway.errors import Reason, Refused

Arrays = Mapping[str, npt.NDArray[np.float32]]

_BASE = "__base_sha256__"
_FRONT = "__front__"
FRONT = (Correct(),)  # what an adapter may insert


def to_bytes(base: Model, adapted: Model, factors: Arrays | None = None) -> bytes:
    """The arrays of ``adapted`` that differ from ``base``, as one safetensors file that names its base.

    Args:
        base: what was adapted.
        adapted: the same network, possibly behind an inserted layer.
        factors: learned numbers ``lora.<kernel>.a`` and ``.b`` that made kernels of ``adapted``. They travel in place
            of those kernels of which, merged with the base's, they give every bit; others are ignored.

    Raises:
        ValueError: the two are not the same network.
    """
    front = adapted.layers[: len(adapted.layers) - len(base.layers)]
    if base.task != adapted.task or adapted.layers[len(front) :] != base.layers or front not in ((), FRONT):
        raise ValueError("an adapter changes numbers, and inserts at most a sensor's correction")
    start = _behind(base, front)
    arrays = _with_factors(start, changed_arrays(start, adapted), factors or {})
    named = {_FRONT: np.frombuffer(json.dumps(to_json(front)).encode(), np.uint8)} if front else {}
    fingerprints = {_BASE: np.frombuffer(fingerprint(base), np.uint8)}
    return save({**fingerprints, **named, **{name: np.ascontiguousarray(array) for name, array in arrays.items()}})


def apply(base: Model, delta: bytes) -> Model:
    """The adapted model: the base, behind the layer that ``delta`` inserts, with its arrays in place of the base's.

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
    start = _behind(base, _front(arrays.pop(_FRONT, None)))
    for name, array in arrays.items():
        shape = _shape(start, name, arrays)
        if array.shape != shape or array.dtype != np.float32:
            raise _malformed(f"{name} does not fit the base")
        if not np.isfinite(array).all():
            raise _malformed(f"{name} is not finite")
    with np.errstate(over="ignore", invalid="ignore"):
        merged = merge({**start.arrays, **arrays})
    for name in {name[len(PREFIX) : -2] for name in arrays if name.startswith(PREFIX)}:
        if not np.isfinite(merged[name]).all():
            raise _malformed(f"{name} is not finite")
    return replace(start, arrays={name: merged[name] for name in start.arrays})


def fingerprint(model: Model) -> bytes:
    """SHA-256 of the model's file."""
    return hashlib.sha256(model.to_bytes()).digest()


def _behind(base: Model, front: Layers) -> Model:
    """``base`` behind layers that change nothing."""
    if not front:
        return base
    same = initial_arrays(front, base.task.sensor.window_shape, 0)
    return replace(base, layers=(*front, *base.layers), arrays={**same, **moved(base.arrays, len(front))})


def _with_factors(start: Model, changed: Arrays, factors: Arrays) -> Arrays:
    """``changed``, with factors in place of the kernels that they give exactly and in fewer numbers."""
    low = {name: array for name, array in factors.items() if name.startswith(PREFIX)}
    found = dict(changed)
    for kernel in {name[len(PREFIX) : -2] for name in low} & set(changed):
        pair = {name: low[name] for name in (f"{PREFIX}{kernel}.a", f"{PREFIX}{kernel}.b")}
        made = merge({kernel: start.arrays[kernel], **pair})[kernel]
        if np.array_equal(made, changed[kernel]) and sum(a.size for a in pair.values()) < made.size:
            del found[kernel]
            found |= pair
    return found


def _front(text: npt.NDArray[np.uint8] | None) -> Layers:
    if text is None:
        return ()
    try:
        front = from_json(json.loads(text.tobytes()))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _malformed(f"the inserted layers cannot be read ({error})") from error
    if front != FRONT:
        raise _malformed("it inserts layers that no adapter inserts")
    return front


def _shape(start: Model, name: str, arrays: Arrays) -> tuple[int, ...] | None:
    """What the shape of ``name`` has to be; None where the base has no place for it."""
    if name in start.arrays:
        return start.arrays[name].shape
    kernel, factor = name[len(PREFIX) : -2], name[-2:]
    partner = arrays.get(f"{PREFIX}{kernel}{'.b' if factor == '.a' else '.a'}")
    holds = name.startswith(PREFIX) and factor in (".a", ".b") and kernel.endswith(".kernel") and kernel in start.arrays
    if not holds or kernel in arrays or partner is None or partner.ndim != 2:
        return None
    inputs, features = matrix_shape(start.arrays[kernel])
    return (inputs, partner.shape[0]) if factor == ".a" else (partner.shape[1], features)


def _malformed(problem: str) -> Refused:
    return Refused(Reason.BUNDLE_MALFORMED, field="adapter", problem=problem)
