"""The bundle of an adapted version, written so that it differs little from its base's.

Its self-test reads the first windows of the base's, which the device has. Their answers cannot be derived:
they are few, and rounded to a share of the tolerance that the device may see anyway.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from export.proof import run
from export.steps import Floats
from slipway.bundle import samples
from slipway.bundle.archive import Bundle, pack
from slipway.bundle.manifest import EXTRA, GRAPH, SELF_TEST_INPUTS, SELF_TEST_OUTPUTS, Manifest, file_entry

SELF_TEST_COUNT = 8
SELF_TEST_SHARE = 1e-3  # of the largest logit, as in ``package``
ROUNDING_SHARE = 1 / 16  # of the tolerance: half of it is the most that rounding moves an answer


def pack_adapted(base: Bundle, graph: bytes, *, extra: Mapping[str, bytes] | None = None, **description: Any) -> bytes:
    """The bundle of ``graph``.

    Args:
        base: the bundle that devices have.
        graph: the adapted model's ONNX file, of the same task.
        extra: further files by name, which devices ignore.
        description: what the manifest says otherwise than the base's: version, lineage, proofs, created.

    Raises:
        Refused: a reason of the manifest or the bundle.
    """
    inputs = base.inputs[:SELF_TEST_COUNT]
    outputs = run(graph, inputs)
    tolerance = float(f"{SELF_TEST_SHARE * max(np.abs(outputs).max(), 1.0):.1e}")
    name = base.manifest.name_of
    parts = {
        name(GRAPH): (GRAPH, graph),
        name(SELF_TEST_INPUTS): (SELF_TEST_INPUTS, samples.encode(inputs)),
        name(SELF_TEST_OUTPUTS): (SELF_TEST_OUTPUTS, samples.encode(rounded(outputs, tolerance * ROUNDING_SHARE))),
    }
    parts |= {key: (EXTRA, data) for key, data in (extra or {}).items()}
    old = base.manifest
    manifest = Manifest(
        **{"model": old.model, "task": old.task, "precision": old.precision, **description},
        files={key: file_entry(role, data) for key, (role, data) in parts.items()},
        self_test_tolerance=tolerance,
    )
    return pack(manifest, {key: data for key, (_, data) in parts.items()})


def rounded(values: Floats, step: float) -> Floats:
    """``values`` to the nearest multiple of the largest power of two that is no larger than ``step``."""
    unit = np.float32(2.0 ** np.floor(np.log2(step)))
    return np.asarray(np.rint(values / unit) * unit, np.float32)
