"""The wearable task's recording: 23 people with a phone in a pocket and a watch on a wrist, six inertial channels each.

Matey-Sanz, Casteleyn & Granell 2023, https://doi.org/10.1016/j.dib.2023.109809; data
https://doi.org/10.5281/zenodo.8398688, CC BY 4.0.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from sim.body.activity import CLASSES, RATE_HZ
from sim.generate import windows
from sim.world import World
from sim.worlds.wearable import PURITY, WEARABLE_PHONE, WEARABLE_WATCH, WINDOW_LENGTH
from slipway.errors import Reason, Refused
from slipway.windows import Labels, Values
from studies.identified import unpaired
from studies.study import Domain, Study

NAME = "phone_watch_har"
SHA256 = "a7c3d8df949908f1f9a98500b468b68d2911479904e4048d9437bbfaa00836fa"
PHONE, WATCH = range(2)
HOP = 32
SIMULATIONS = 1500  # recordings, to identify from
LAST_POOL_SUBJECT = 16
SHOWN_COUNT = 6  # windows of each class in the picture

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """One device, one person, one run of the script, at ``RATE_HZ``.

    Args:
        values: (time, 6) float32: acc in m/s2 with gravity, gyr in rad/s.
        labels: (time,) int32, index into ``CLASSES``.
        device: ``PHONE`` or ``WATCH``.
        subject: 1 to 23.
    """

    values: Floats
    labels: Labels
    device: int
    subject: int


def load(file: Path, sha256: str = SHA256) -> list[Recording]:
    """Read, verify and resample the recordings of one npz.

    Raises:
        Refused: RECORDING_DIFFERS: the file is not the published one.
    """
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        raise Refused(Reason.RECORDING_DIFFERS, field="recording", name=NAME, found=found, expected=sha256)
    with np.load(file, allow_pickle=False) as arrays:
        return list(_recordings({name: arrays[name] for name in arrays.files}))


def _recordings(arrays: dict[str, npt.NDArray[np.generic]]) -> Iterator[Recording]:
    for number, (start, end) in enumerate(zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True)):
        rows = slice(int(start), int(end))
        values, labels = resample(arrays["t_ms"][rows] / 1000, arrays["signals"][rows], arrays["label"][rows])
        yield Recording(values, labels, int(arrays["rec_device"][number]), int(arrays["rec_subject"][number]))


def resample(
    seconds: npt.NDArray[np.float64], values: Floats, labels: npt.NDArray[np.int8], rate_hz: float = RATE_HZ
) -> tuple[Floats, Labels]:
    """Straight lines between the samples, the label of the sample before; of samples stamped alike the first counts.

    Args:
        seconds: (samples,), never running backwards.
        values: (samples, channels).
        labels: (samples,).
        rate_hz: of the result.

    Returns:
        Values (time, channels) float32 and labels (time,) int32.
    """
    seconds, first = np.unique(seconds, return_index=True)
    time = np.arange(seconds[0], seconds[-1], 1 / rate_hz)
    even = np.stack([np.interp(time, seconds, column) for column in values[first].T], axis=1)
    before = np.searchsorted(seconds, time, side="right") - 1
    return even.astype(np.float32), labels[first][before].astype(np.int32)


def cut(recording: Recording, hop: int = HOP) -> Domain:
    """Windows of 64 samples, labelled by majority; those whose majority is under ``PURITY`` are dropped."""
    count = max((len(recording.labels) - WINDOW_LENGTH) // hop + 1, 0)
    rows = np.arange(count)[:, None] * hop + np.arange(WINDOW_LENGTH)
    votes = (recording.labels[rows][..., None] == np.arange(len(CLASSES))).sum(1)
    pure = votes.max(1) >= PURITY * WINDOW_LENGTH
    return Domain(recording.values[rows][pure], votes.argmax(1)[pure].astype(np.int32))


def joined(parts: list[Domain]) -> Domain:
    """The windows of all parts, in their order."""
    return Domain(np.concatenate([part.values for part in parts]), np.concatenate([part.labels for part in parts]))


def domains(device: int, folder: Path) -> tuple[Domain, Domain]:
    """Pool (subjects 1 to 16) and test (17 to 23) of one device below ``folder``."""
    mine = [one for one in load(folder / NAME / f"{NAME}.npz") if one.device == device]
    pool = joined([cut(one) for one in mine if one.subject <= LAST_POOL_SUBJECT])
    return pool, joined([cut(one) for one in mine if one.subject > LAST_POOL_SUBJECT])


def pair(source: int, target: int, folder: Path) -> tuple[Domain, Domain, Domain]:
    """One device's labels for another's windows: the source's pool, then the target's pool and test.

    Source and target pools are the same people in the same minutes; only the device and its place differ.

    Args:
        source: ``PHONE`` or ``WATCH``.
        target: the other one.
        folder: of all recordings.
    """
    return domains(source, folder)[0], *domains(target, folder)


def draw(name: str, world: World, folder: Path, pool: Domain, out: Path) -> None:
    """Windows of each class beside simulated ones, and how strong each frequency is in either."""
    import matplotlib.pyplot as plt

    made = Domain(*windows(world, jax.random.key(0), 8192))
    figure, axes = plt.subplots(len(CLASSES), 4, figsize=(15, 11), width_ratios=(5, 5, 3, 3), layout="constrained")
    for label, row in enumerate(axes):
        for side, (title, domain) in enumerate((("real", pool), ("simulated", made))):
            _draw_windows(row[side], domain.values[domain.labels == label])
            row[side].set_title(f"{title}: {CLASSES[label]}", fontsize=9)
            _draw_spectra(row[2:], domain.values[domain.labels == label], title)
    axes[0, 2].set_title("acc, m/s2 a bin", fontsize=9)
    axes[0, 3].set_title("gyr, rad/s a bin", fontsize=9)
    axes[0, 3].legend(fontsize=8)
    figure.savefig(out / f"{name}.png", dpi=70)
    plt.close(figure)


def _draw_windows(axis: Any, values: Values) -> None:
    """A few windows end to end: acceleration, and the rates above it, doubled."""
    shown = values[np.linspace(0, len(values) - 1, SHOWN_COUNT).astype(int)].reshape(-1, 6)
    time = np.arange(len(shown)) / RATE_HZ
    axis.plot(time, shown[:, :3], linewidth=0.7)
    axis.plot(time, 30 + 2 * shown[:, 3:], linewidth=0.7)
    for border in np.arange(1, SHOWN_COUNT) * WINDOW_LENGTH / RATE_HZ:
        axis.axvline(border, color="k", linewidth=0.5)
    axis.set(ylim=(-25, 45))


def _draw_spectra(axes: Any, values: Values, title: str) -> None:
    """Root mean square over windows and axes of each frequency."""
    hann = np.hanning(WINDOW_LENGTH)[None, :, None]
    power = np.abs(np.fft.rfft((values - values.mean(1, keepdims=True)) * hann, axis=1)) ** 2
    frequency = np.fft.rfftfreq(WINDOW_LENGTH, 1 / RATE_HZ)
    for axis, columns in zip(axes, (slice(0, 3), slice(3, 6)), strict=True):
        axis.semilogy(frequency[1:], np.sqrt(power[..., columns].mean((0, 2)))[1:] / WINDOW_LENGTH, label=title)


def _study(world: World, device: int) -> Study:
    drawing = partial(draw, world.name, world)
    return Study(
        world.name,
        NAME,
        world,
        partial(domains, device),
        window_count=50_000,
        hop=HOP,
        identify=unpaired(world, simulations=SIMULATIONS),  # many people: nothing is kept through the pool
        draw=drawing,
    )


STUDIES = (_study(WEARABLE_PHONE, PHONE), _study(WEARABLE_WATCH, WATCH))
