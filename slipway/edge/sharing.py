"""What an operator lets a device keep of its windows, and tell of them. Loads nothing that only these need."""

from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Reason, Refused

SHARES = NOTHING, STATISTICS, WINDOWS = "nothing", "statistics", "windows"
WANTED = "share.wanted"  # a file in the device's folder while somebody asks for a round


@dataclass(frozen=True)
class Keep:
    """How much is kept.

    Args:
        size_bytes: of the file; its journal takes 1 MiB more at most.
        count: windows at most; 0 for as many as fit.
        hourly: windows of an hour at most, each of the hour's with the same chance; 0 for the newest of all.
    """

    size_bytes: int = 16 << 20
    count: int = 0
    hourly: int = 0


@dataclass(frozen=True)
class Sharing:
    """What may be told.

    Args:
        what: "nothing", "statistics" or "windows".
        dataset: where to, "datasets/…" or its last part; the device's own id by default.
        interval_s: between two rounds at least.
        drift_limit: from which drift on.
        day_bytes: of windows a day (UTC) at most.

    Raises:
        Refused: FIELD_INVALID.
    """

    what: str = NOTHING
    dataset: str = ""
    interval_s: float = 3600.0
    drift_limit: float = 1.0
    day_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        if self.what not in SHARES:
            remedy = f"Use one of {', '.join(SHARES)}."
            found = repr(self.what)
            raise Refused(Reason.FIELD_INVALID, field="share", problem="is not known", found=found, remedy=remedy)


def ask(folder: Path) -> None:
    """Ask the agent that works in ``folder`` for a round, whatever the drift."""
    (folder / WANTED).touch()
