"""What a command leaves behind, and a recording for it to read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.slipway.edge.bundles import SENSOR


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


Run = Callable[..., Done]


def recording(folder: Path, count: int = 50) -> Path:
    """An .npz file with windows ``x`` and labels ``y``."""
    path = folder / "recording.npz"
    np.savez(path, x=np.random.default_rng(0).normal(size=(count, *SENSOR.window_shape)), y=np.arange(count) % 2)
    return path
