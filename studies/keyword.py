"""The keyword task's recording: ten English digits said by six speakers, 8 kHz, each of them fifty times.

Jackson et al., Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0. Its
recordings are trimmed: each lies in the middle of a second of digital silence here, and a longer one loses its ends.
"""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from nets.architectures import front
from nets.inference import between
from sim.generate import windows
from sim.worlds.keyword import TASK, WINDOW_LENGTH, WORLD
from slipway.errors import Reason, Refused
from slipway.windows import Labels, Values
from studies.study import Domain, Study

NAME = "free_spoken_digits"
SHA256 = "8574378338b819e804d764fb3eae73ef9027d48bb41dd882c4c7d78c385046f1"
TEST_TAKES = 5  # of every digit and speaker, the first ones, as the source says
SHOWN = (0, 3, 6, 7)  # digits of the picture


@dataclass(frozen=True)
class Recording:
    """Every take, in the order of speaker, digit and take.

    Args:
        values: (count, 8000, 1) float32 in shares of full scale.
        labels: (count,) int32, the digit.
        speakers: (count,) int32.
        takes: (count,) int32.
    """

    values: Values
    labels: Labels
    speakers: Labels
    takes: Labels

    def only(self, rows: np.ndarray) -> Domain:
        """The windows in ``rows`` (count,) bool."""
        return Domain(self.values[rows], self.labels[rows])


def load(file: Path, sha256: str = SHA256) -> Recording:
    """Read and verify the recording's npz.

    Raises:
        Refused: RECORDING_DIFFERS.
    """
    with np.load(file, allow_pickle=False) as arrays:
        audio, offsets = arrays["audio"], arrays["offsets"]
        digits, speakers, takes = (arrays[name].astype(np.int32) for name in ("digit", "speaker", "take"))
    found = content_sha256(audio, offsets, digits, speakers, takes)
    if found != sha256:
        raise Refused(Reason.RECORDING_DIFFERS, field="recording", name=NAME, found=found, expected=sha256)
    waves = (audio[start:end] for start, end in itertools.pairwise(offsets))
    return Recording(np.stack([centred(wave) for wave in waves])[:, :, None], digits, speakers, takes)


def content_sha256(audio: np.ndarray, *numbers: np.ndarray) -> str:
    """SHA-256 of the numbers themselves: the sound as int16, then offsets, digits, speakers and takes as int64."""
    found = hashlib.sha256(np.ascontiguousarray(audio, "<i2").tobytes())
    for array in numbers:
        found.update(np.ascontiguousarray(array, "<i8").tobytes())
    return found.hexdigest()


def centred(wave: np.ndarray) -> np.ndarray:
    """An int16 wave in the middle of a window (8000,) float32; a longer one loses as much at either end."""
    spare = WINDOW_LENGTH - len(wave)
    wave = wave[max(-spare // 2, 0) :][:WINDOW_LENGTH] if spare < 0 else wave
    window = np.zeros(WINDOW_LENGTH, np.float32)
    start = max(spare // 2, 0)
    window[start : start + len(wave)] = wave.astype(np.float32) / 32768
    return window


def domains(folder: Path) -> tuple[Domain, Domain]:
    """Pool (takes 5 to 49) and test (takes 0 to 4 of every digit and speaker) below ``folder``."""
    recording = load(folder / NAME / f"{NAME}.npz")
    tested = recording.takes < TEST_TAKES
    return recording.only(~tested), recording.only(tested)


def draw(folder: Path, pool: Domain, out: Path) -> None:
    """Log-mel bands of real and simulated takes of some digits, as the net sees them."""
    import matplotlib.pyplot as plt

    values, labels = windows(WORLD, jax.random.key(0), 512)
    sides = {"real": pool, "simulated": Domain(values, labels)}
    figure, axes = plt.subplots(2 * len(SHOWN), 6, figsize=(12, 2 * 1.3 * len(SHOWN)), layout="constrained")
    for row, digit in enumerate(SHOWN):
        for side, (name, domain) in enumerate(sides.items()):
            members = np.flatnonzero(domain.labels == digit)
            chosen = members[np.linspace(0, len(members) - 1, 6).astype(int)]
            features = between(front(TASK)[:1], {}, domain.values[chosen])
            for axis, shown in zip(axes[2 * row + side], features, strict=True):
                axis.imshow(shown.T, aspect="auto", origin="lower", vmin=-7, vmax=4)
                axis.set(xticks=[], yticks=[])
            axes[2 * row + side, 0].set_ylabel(f"{name} {digit}")
    figure.savefig(out / "keyword.png", dpi=48)
    plt.close(figure)


STUDIES = (Study("keyword", NAME, WORLD, domains, window_count=24_000, draw=draw),)
