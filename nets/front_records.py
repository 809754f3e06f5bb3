"""Layer records that stand at the front of a net, where numbers still have units: what is known of a sensor's physics.

All but ``Correct`` hold no learned numbers, and each is a function of one window alone. Shapes leave the batch out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Vectors = tuple[tuple[int, ...], ...]
LEAST_GRAVITY = 1e-3  # in the vector's unit: under it a mean has no direction


@dataclass(frozen=True)
class VectorNorms:
    """(time, C) → (time, vectors + channels in none): each vector's Euclidean norm, which no mounting can change.

    Args:
        vectors: the channels of each vector; the other channels follow the norms in their order.
    """

    vectors: Vectors

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", _as_tuples(self.vectors))


@dataclass(frozen=True)
class GravityFrame:
    """(time, C) → (time, 2 * vectors + channels in none): each vector's parts along gravity and across it.

    Gravity points where the ``gravity`` vector's mean over the window does. First come the vectors' components along
    it (signed), then their magnitudes across it, then the other channels: no mounting and no heading can change them.
    A window whose mean vanishes has no vertical: everything then lies across.

    Args:
        vectors: the channels of each vector, all of one length.
        gravity: which of them holds the specific force.

    Reference: Mizell 2003, Using gravity to estimate accelerometer orientation, https://doi.org/10.1109/ISWC.2003.1241424.
    """

    vectors: Vectors
    gravity: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", _as_tuples(self.vectors))


@dataclass(frozen=True)
class Spectrum:
    """(time, C) → (frames, C * bins): ln(power + floor) of every channel, channel by channel; see ``nets.spectrum``.

    Each frame's mean is taken out first, so gravity and offsets leave no trace. Any gain of a channel is one offset of
    all its bins, which the input statistics behind the layer can take up.

    Args:
        frame: samples of a frame.
        hop: samples from one frame to the next.
        bins: how many equal parts the frequencies above zero are summed in.
        floor: power that silence counts as, in the channel's unit squared.
    """

    frame: int
    hop: int
    bins: int
    floor: float


@dataclass(frozen=True)
class Correct:
    """What a sensor does wrong, undone: y = x(t - delay) @ matrix + offset. (time, C) stays (time, C).

    Arrays: matrix (C, C), offset (C,) in the channels' units, delay (C,) in samples, read off straight lines between
    the samples, the ends held. Identity, zeros and zeros change no bit.
    """


def output_shape(
    layer: VectorNorms | GravityFrame | Spectrum | Correct, shape: tuple[int, ...]
) -> tuple[int, int] | None:
    """Shape after ``layer``; None where it does not fit."""
    if len(shape) != 2:
        return None
    time, channels = shape
    match layer:
        case VectorNorms(vectors) if _fit(vectors, channels):
            return time, len(vectors) + len(others(vectors, channels))
        case GravityFrame(vectors, gravity) if _fit(vectors, channels):
            if 0 <= gravity < len(vectors) and len({len(vector) for vector in vectors}) == 1:
                return time, 2 * len(vectors) + len(others(vectors, channels))
        case Spectrum(frame, hop, bins, floor) if hop >= 1 and 1 <= bins <= frame // 2 and frame <= time and floor > 0:
            return (time - frame) // hop + 1, channels * bins
        case Correct():
            return time, channels
    return None


def others(vectors: Vectors, channels: int) -> list[int]:
    """The channels that belong to no vector, in their order."""
    taken = {channel for vector in vectors for channel in vector}
    return [channel for channel in range(channels) if channel not in taken]


def _as_tuples(vectors: Sequence[Sequence[int]]) -> Vectors:
    """JSON knows lists only, and a record must hash."""
    return tuple(tuple(vector) for vector in vectors)


def _fit(vectors: Vectors, channels: int) -> bool:
    named = [channel for vector in vectors for channel in vector]
    return bool(vectors) and all(vectors) and len(set(named)) == len(named) and set(named) <= set(range(channels))
