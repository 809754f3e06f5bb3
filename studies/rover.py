"""The rover task's recording: a SCITOS G5 that followed the walls of a room, 24 ultrasound ranges at 9 Hz.

Freire, Barreto, Veloso & Varela 2009, https://doi.org/10.1109/LARS.2009.5418323; UCI dataset 194, CC BY 4.0.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from sim.drive import by_policy, drive
from sim.generate import windows
from sim.sensors import ultrasound
from sim.worlds.rover import RATE_HZ, ROBOT_PARAMETERS, WORLD
from slipway.errors import Reason, Refused
from slipway.windows import Labels, Values
from studies.identified import unpaired
from studies.study import Domain, Study

NAME = "wall_following"
CLASSES = ("Move-Forward", "Slight-Right-Turn", "Sharp-Right-Turn", "Slight-Left-Turn")
SHA256 = "0cfad626076ffda0cc444a8220cbb4ea78fcbb3105f8d9d9cb445cff1fd43935"
POOL_SHARE = 0.6
SHOWN_S = 60  # of the picture
GAP_COUNT = 10  # rows between pool and test that belong to neither


@dataclass(frozen=True)
class Recording:
    """Labelled windows in the order of time.

    Args:
        values: (count, 1, 24) float32 in m.
        labels: (count,) int32, index into ``CLASSES``.
    """

    values: Values
    labels: Labels


def find(folder: Path | None = None) -> Recording | None:
    """The recording below ``folder`` (``SLIPWAY_DATA`` if None), or None where there is none.

    Raises:
        Refused: RECORDING_DIFFERS: a file is there, but its numbers are not those published.
    """
    root = folder or (Path(os.environ["SLIPWAY_DATA"]) if os.environ.get("SLIPWAY_DATA") else None)
    file = None if root is None else root / NAME / f"{NAME}.npz"
    return load(file) if file is not None and file.is_file() else None


def load(file: Path, sha256: str = SHA256) -> Recording:
    """Read and verify the recording's npz.

    Raises:
        Refused: RECORDING_DIFFERS.
    """
    with np.load(file, allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    check(x, y, sha256)
    return Recording(x.astype(np.float32)[:, None, :], y.astype(np.int32))


def content_sha256(x: np.ndarray, y: np.ndarray) -> str:
    """SHA-256 of the numbers themselves: x as float32 in C order, then y as int8, little-endian."""
    return hashlib.sha256(
        np.ascontiguousarray(x, "<f4").tobytes() + np.ascontiguousarray(y, "i1").tobytes()
    ).hexdigest()


def check(x: np.ndarray, y: np.ndarray, sha256: str = SHA256) -> None:
    """Refuse numbers that are not those published.

    Raises:
        Refused: RECORDING_DIFFERS.
    """
    found = content_sha256(x, y)
    if found != sha256:
        raise Refused(Reason.RECORDING_DIFFERS, field="recording", name=NAME, found=found, expected=sha256)


def split(recording: Recording) -> tuple[Recording, Recording]:
    """Pool (the first 60 % of the rows in time) and test (the rest, less 10 rows at the border)."""
    border = int(POOL_SHARE * len(recording.labels))
    pool, test = slice(None, border), slice(border + GAP_COUNT, None)
    return (
        Recording(recording.values[pool], recording.labels[pool]),
        Recording(recording.values[test], recording.labels[test]),
    )


def domains(folder: Path) -> tuple[Domain, Domain]:
    """Pool and test below ``folder``."""
    pool, test = split(load(folder / NAME / f"{NAME}.npz"))
    return Domain(pool.values, pool.labels), Domain(test.values, test.labels)


def draw(folder: Path, pool: Domain, out: Path) -> None:
    """A stretch of the pool and a simulated drive, beam by beam, and how the readings are distributed."""
    import matplotlib.pyplot as plt

    real = pool.values[: SHOWN_S * int(RATE_HZ), 0]
    made = drive(WORLD, by_policy(WORLD), len(real), seed=0).readings[:, 0]
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), width_ratios=(4, 4, 3), layout="constrained")
    for axis, title, shown in zip(axes, ("real robot", "simulated robot"), (real, made), strict=False):
        axis.imshow(shown.T, aspect="auto", origin="lower", vmin=0, vmax=5, extent=(0, SHOWN_S, 0.5, 24.5))
        axis.set(title=title, xlabel="s", ylabel="beam")
    simulated = windows(WORLD, jax.random.key(0), 50_000)[0]
    edges = np.linspace(0, 5, 60)
    for values, label in ((pool.values, "pool"), (simulated, "simulated")):
        axes[2].hist(values.ravel(), edges, density=True, histtype="step", label=label)
    axes[2].set(title="all readings", xlabel="m", yscale="log")
    axes[2].legend()
    figure.savefig(out / "rover.png", dpi=80)
    plt.close(figure)


DEVICE = tuple(parameter.name for parameter in (*ROBOT_PARAMETERS, *ultrasound.PARAMETERS))
STUDIES = (
    Study(
        "rover",
        NAME,
        WORLD,
        domains,
        window_count=1_000_000,
        identify=unpaired(WORLD, DEVICE, as_recorded={"disturb_share": 0.0, "wander_share": 0.0}),
        draw=draw,
    ),
)
