"""The JSON form of home, as it travels in a bundle and stands among a device's notes."""

import json

import numpy as np

from slipway.bundle.archive import Bundle
from slipway.edge.home import Home, features
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec

REFERENCE_NAME = "reference.json"  # in a bundle, with the role "extra"
FORMAT = 1
LIMIT_BYTES = 4096


def to_json(home: Home) -> bytes:
    """The canonical form; ``from_json`` is its inverse."""
    numbers = {name: [_plain(one) for one in getattr(home, name)] for name in ("mean", "sd", "limit")}
    fields = {"format": FORMAT, "windows": home.count, "quantiles": home.quantiles, **numbers}
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def from_json(task: TaskSpec, data: bytes) -> Home:
    """Read what ``to_json`` wrote for the same task.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    if len(data) > LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field="reference", found=len(data), limit=LIMIT_BYTES)
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT:
            raise ValueError(f"format is not {FORMAT}")
        mean, sd, limit = (np.array(fields[name], np.float64) for name in ("mean", "sd", "limit"))
        shape = (len(features(task)),)
        if not mean.shape == sd.shape == limit.shape == shape or not np.isfinite([mean, sd, limit]).all():
            raise ValueError(f"needs {shape[0]} finite numbers each")
        if min(sd.min(), limit.min()) <= 0:
            raise ValueError("a scatter or a limit is not over 0")
        quantiles = {str(name): [float(one) for one in row] for name, row in fields["quantiles"].items()}
        return Home(task, int(fields["windows"]), mean, sd, limit, quantiles)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        problem, remedy = "does not say what home looks like", "Export the version again."
        raise Refused(
            Reason.FIELD_INVALID, field="reference", problem=problem, found=str(error), remedy=remedy
        ) from error


def reference_in(bundle: Bundle) -> Home | None:
    """The home that travels in a bundle; None where there is none that can be read."""
    data = bundle.files.get(REFERENCE_NAME)
    try:
        return None if data is None else from_json(bundle.manifest.task, data)
    except Refused:
        return None


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else float(value)
