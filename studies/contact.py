"""The contact task's recordings: a Unitree GO1 with a cheap IMU on one foot, on three grounds, and ATLAS simulated.

Maravgakis, Argiropoulos, Piperakis & Trahanias 2023, https://doi.org/10.1109/ICRA48891.2023.10161485; github
MichaelMarav/ProbabilisticContactEstimation, BSD.

The GO1 has no label. *Stable* is said of a sample whose foot force is above Otsu's threshold of that recording's pool.
Force and IMU were logged by two clocks: a stride lasts 177.7 rows of the IMU and 336 of the force, the mean of the
three recordings, so there are 1.89 rows of force to one of the IMU, not 2 as their nominal rates say. The two are tied
together where the robot, which stands at first, lifts the foot for the first time.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from sim.legged import logger
from sim.priors import Prior
from sim.worlds.contact import RATE_HZ, SENSOR, STABLE, STRIDE, UNSTABLE, WINDOW_LENGTH, WORLD, windows_a_foot
from slipway.errors import Reason, Refused
from slipway.windows import Labels
from studies.identified import unpaired
from studies.study import Domain, Study

NAME = "legged_contact"
SHA256 = "3ae6521d491d3c1b73e407fc1502f4b2cffdb287d9b6a051be38c787932cb312"
GROUNDS = ("normal", "slippery", "mattress")
POOL_SHARE = 0.6  # of every recording, in time
GAP = 2 * WINDOW_LENGTH  # samples between pool and test that belong to neither
HOP = 2
CLOCK_RATIO = 1.89  # rows of force a row of the IMU
MOVING_RAD_S = 0.3  # a foot that stands turns slower
UNITS = np.repeat([9.80665, np.pi / 180], 3)  # g and deg/s in m/s2 and rad/s
FOOT_IMU = slice(6, 12)  # columns of ATLAS
SHOWN_SAMPLES, SHOWN_FROM, SHOWN_SEED = 500, 400, 3  # of the picture: samples, first window of the pool, chance

Floats = npt.NDArray[np.float32]
Arrays = Mapping[str, npt.NDArray[Any]]


def read(folder: Path) -> Arrays:
    """The recordings below ``folder``.

    Raises:
        Refused: RECORDING_DIFFERS: the numbers are not those published.
    """
    with np.load(folder / NAME / f"{NAME}.npz", allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    check(found)
    return found


def content_sha256(arrays: Arrays) -> str:
    """SHA-256 of the numbers themselves: names in alphabetical order, each followed by its array, little-endian."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        kind = {"f": "<f4", "i": "<i8"}.get(arrays[name].dtype.kind)
        if kind is not None:
            digest.update(name.encode() + np.ascontiguousarray(arrays[name], kind).tobytes())
    return digest.hexdigest()


def check(arrays: Arrays, sha256: str = SHA256) -> None:
    """Refuse numbers that are not those published.

    Raises:
        Refused: RECORDING_DIFFERS.
    """
    found = content_sha256(arrays)
    if found != sha256:
        raise Refused(Reason.RECORDING_DIFFERS, field="recording", name=NAME, found=found, expected=sha256)


def otsu(values: Floats, bins: int = 256) -> float:
    """The threshold that parts ``values`` (count,) into two groups whose means lie furthest apart.

    Reference: Otsu, A threshold selection method from gray-level histograms, IEEE SMC 9(1), 1979.
    """
    counts, edges = np.histogram(values, bins)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    total = np.cumsum(counts * centres)
    low, high = total[:-1] / below, (total[-1] - total[:-1]) / np.maximum(above, 1)
    between = below * above * np.square(low - high)
    best = np.flatnonzero(between == between.max())
    return float(edges[1:][best].mean())


def force_rows(imu: Floats, loaded: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The row of force that was measured with each row of the IMU; it may lie outside of what was logged.

    Args:
        imu: (samples, 6) in m/s2 and rad/s.
        loaded: (rows of force,), whether the foot bears weight.
    """
    moves = np.argmax(np.abs(imu[:, 3:]).max(1) > MOVING_RAD_S)
    lifts = np.argmin(loaded)
    return np.round(lifts + CLOCK_RATIO * (np.arange(len(imu)) - moves)).astype(np.intp)


def aligned(imu: Floats, force: Floats) -> tuple[Floats, Labels]:
    """The IMU in the world's units and the class of each of its samples, where force was logged too.

    The threshold comes from the first ``POOL_SHARE`` of the recording.
    """
    values = (imu * UNITS).astype(np.float32)
    loaded = force > otsu(force[: int(POOL_SHARE * len(force))])
    rows = force_rows(values, loaded)
    both = (rows >= 0) & (rows < len(force))
    return values[both], np.where(loaded[rows[both]], STABLE, UNSTABLE).astype(np.int32)


def cut(values: Floats, labels: Labels, hop: int, length: int = WINDOW_LENGTH) -> Domain:
    """Windows of samples (samples, channels), each with the class of its last sample."""
    starts = np.arange(0, len(values) - length + 1, hop)
    windows = values[starts[:, None] + np.arange(length)]
    return Domain(np.ascontiguousarray(windows), labels[starts + length - 1])


def domains(folder: Path) -> tuple[Domain, Domain]:
    """Pool and test of the GO1 below ``folder``, each of all three grounds in turn."""
    arrays = read(folder)
    pools, tests = zip(*(_split(arrays, ground) for ground in GROUNDS), strict=True)
    return _joined(pools), _joined(tests)


def _split(arrays: Arrays, ground: str) -> tuple[Domain, Domain]:
    values, labels = aligned(arrays[f"go1_real_{ground}_imu"], arrays[f"go1_real_{ground}_fz"])
    border = int(POOL_SHARE * len(labels))
    pool, test = slice(None, border), slice(border + GAP, None)
    return cut(values[pool], labels[pool], HOP), cut(values[test], labels[test], HOP)


def _joined(parts: tuple[Domain, ...]) -> Domain:
    return Domain(np.concatenate([part.values for part in parts]), np.concatenate([part.labels for part in parts]))


def friction_domains(folder: Path) -> tuple[Domain, Domain, Domain]:
    """ATLAS, simulated by others, labelled: source (friction 0.1), then pool and test (friction 0.03 in places).

    Windows of 20 samples at 1 kHz of the foot's IMU alone, one every 5 samples; pool and test are the first 60 % and
    the last 40 % in time, a gap between them.
    """
    arrays = read(folder)
    source, target = (
        (arrays[f"atlas_sim_{name}_x"][:, FOOT_IMU], arrays[f"atlas_sim_{name}_label"].astype(np.int32))
        for name in ("mu01", "mu01_slip003")
    )
    border = int(POOL_SHARE * len(target[1]))
    pool, test = slice(None, border), slice(border + GAP, None)
    return cut(*source, 5), cut(target[0][pool], target[1][pool], 5), cut(target[0][test], target[1][test], 5)


def draw(folder: Path, pool: Domain, out: Path) -> None:
    """A few strides of the recorded foot and of a simulated one: IMU, and below it when the foot stands."""
    import matplotlib.pyplot as plt

    real = _unrolled(pool, HOP, SHOWN_FROM)
    values, labels = WORLD.simulate(
        jax.random.key(SHOWN_SEED), _like_the_device().sample(jax.random.key(SHOWN_SEED), 1)
    )
    each = windows_a_foot()
    made = _unrolled(Domain(np.asarray(values)[each : 2 * each], np.asarray(labels)[each : 2 * each]), STRIDE, 0)
    figure, axes = plt.subplots(3, 2, figsize=(12, 6), sharex=True, sharey="row", layout="constrained")
    for column, title, (shown, stands) in zip(axes.T, ("real foot", "simulated foot"), (real, made), strict=True):
        seconds = np.arange(len(shown)) / RATE_HZ
        column[0].plot(seconds, shown[:, :3], label=list("xyz"))
        column[1].plot(seconds, shown[:, 3:], label=list("xyz"))
        column[2].fill_between(seconds, stands, step="post")
        column[0].set(title=title)
        column[2].set(xlabel="s")
    for axis, name in zip(axes[:, 0], ("acceleration m/s2", "rotation rad/s", "stands"), strict=True):
        axis.set(ylabel=name)
    axes[0, 1].legend(loc="upper right", ncols=3)
    figure.savefig(out / "contact_go1.png", dpi=80)
    plt.close(figure)


def _like_the_device() -> Prior:
    """A walk as the GO1's, for the picture alone."""
    return WORLD.prior.replace(
        start_s=0.0, frequency_hz=1.42, duty=0.68, speed_m_s=0.4, turn_rad_s=0.0, height_m=0.12, friction=0.8,
        imu_roll_rad=0.25, imu_pitch_rad=0.0, imu_yaw_rad=-0.85, bandwidth_hz=30.0, ground_time_s=0.02,
        balance_nms_rad=8.0, motor_stiffness_nm_rad=120.0, motor_damping_nms_rad=3.0, forward_m=0.0, spread=0.05,
    )  # fmt: skip


def _unrolled(windows: Domain, hop: int, first: int) -> tuple[Floats, Labels]:
    """Samples that overlapping windows, one every ``hop``, were cut from, and the class of each, as they are known."""
    some = slice(first, first + SHOWN_SAMPLES // hop)
    values = windows.values[some, -hop:].reshape(-1, windows.values.shape[2])
    return values, np.repeat(windows.labels[some], hop)


DEVICE = tuple(parameter.name for parameter in (*logger.PARAMETERS, *SENSOR.parameters))
STUDIES = (
    Study(
        "contact_go1",
        NAME,
        WORLD,
        domains,
        window_count=40_000,
        hop=HOP,
        identify=unpaired(WORLD, DEVICE, flights=4, simulations=500),
        draw=draw,
    ),
)
