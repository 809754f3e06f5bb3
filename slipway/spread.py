"""A hint reaches all devices in one moment and says over how long they should ask, so that a server is asked evenly."""

from google.protobuf.duration_pb2 import Duration

PACE_S = 0.002  # from one question to the next: a core and a disk answer about twice as many
LIMIT_S = 60.0


def length(count: int) -> Duration:
    """Over how long ``count`` devices ask."""
    found = Duration()
    found.FromMilliseconds(round(1e3 * min(LIMIT_S, PACE_S * count)))
    return found


def seconds(given: Duration) -> float:
    """A spread in seconds, whatever was sent: between 0 and ``LIMIT_S``."""
    return min(LIMIT_S, max(0.0, given.seconds + given.nanos / 1e9))
