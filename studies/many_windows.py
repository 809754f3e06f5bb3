"""As many windows of a device as its recording holds: cut closer than those that are scored, as no answer is needed."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from slipway.windows import Values
from studies import contact, keyword, pendulum, rover, wearable

WEARABLE_HOP = 8  # samples
SHIFTS = (-1500, -500, 500, 1500)  # samples that a take lies off the middle of its second; few are so long as to be cut


def every_row(folder: Path) -> Values:
    """The rover's recording whole: a window is one sample, so there are no more."""
    return rover.load(folder / rover.NAME / f"{rover.NAME}.npz").values


def by_device(device: int, folder: Path) -> Values:
    """One wearable's windows, a new one every ``WEARABLE_HOP`` samples."""
    recordings = wearable.load(folder / wearable.NAME / f"{wearable.NAME}.npz")
    return np.concatenate([wearable.cut(one, WEARABLE_HOP).values for one in recordings if one.device == device])


def every_sample(folder: Path) -> Values:
    """The GO1's windows, a new one every sample: all there are, those without a force beside them too."""
    arrays = contact.read(folder)
    imus = [(arrays[f"go1_real_{ground}_imu"] * contact.UNITS).astype(np.float32) for ground in contact.GROUNDS]
    return np.concatenate([contact.cut(imu, np.zeros(len(imu), np.int32), 1).values for imu in imus])


def pool_and_test(folder: Path) -> Values:
    """The pendulum's windows as they are: they overlap and are more than 10,000."""
    return np.concatenate([part.values for part in pendulum.domains(folder)])


def shifted(folder: Path) -> Values:
    """Every take four times, at other places of its second."""
    values = keyword.load(folder / keyword.NAME / f"{keyword.NAME}.npz").values
    return np.concatenate([shift(values, samples) for samples in SHIFTS])


def shift(values: Values, samples: int) -> Values:
    """Windows (count, time, channels) that start so many samples later, or earlier if negative; silence comes in."""
    found = np.zeros_like(values)
    if samples >= 0:
        found[:, : values.shape[1] - samples] = values[:, samples:]
    else:
        found[:, -samples:] = values[:, :samples]
    return found


MANY: Mapping[str, Callable[[Path], Values]] = {
    "rover": every_row,
    "wearable_phone": lambda folder: by_device(wearable.PHONE, folder),
    "wearable_watch": lambda folder: by_device(wearable.WATCH, folder),
    "contact_go1": every_sample,
    "pendulum_c0": pool_and_test,
    "keyword": shifted,
}
