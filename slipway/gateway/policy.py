"""What an operator lets pass, and how much a gateway may keep."""

from dataclasses import dataclass

from slipway.errors import Reason, Refused

DAY_US = 86_400 * 1_000_000
KINDS = ("none", "statistics", "sample")


@dataclass(frozen=True)
class Policy:
    """What leaves the site of what devices measure.

    Args:
        windows: "none": nothing; "statistics": moments only, windows are reduced to them; "sample": windows, too.
        keep_share: of the windows without an answer, the share that is sent on; those with one all are.
        dataset: the one that all of it goes into, by its id; empty where each device's own stays its own.
        interval_s: seconds between two parcels to the server.

    Raises:
        Refused: FIELD_INVALID.
    """

    windows: str = "statistics"
    keep_share: float = 0.1
    dataset: str = ""
    interval_s: float = 600.0

    def __post_init__(self) -> None:
        _need(self.windows in KINDS, "windows", f"needs one of {', '.join(KINDS)}", self.windows)
        _need(0.0 <= self.keep_share <= 1.0, "keep_share", "needs 0 to 1", self.keep_share)
        _need(0.0 < self.interval_s < float("inf"), "interval_s", "needs more than 0 s", self.interval_s)


@dataclass(frozen=True)
class Limits:
    """Bounds on what is kept; whatever is older, or has not been used for longer, goes first unless said otherwise.

    Args:
        target_bytes: bundles and deltas on the disk.
        file_bytes: signed metadata.
        offer_count: last answers about a device's version.
        report_count: signed reports that wait; more are refused, and stay with their devices.
        device_report_count: of these, one device's.
        window_bytes: windows that wait; more are refused.
        dataset_count: datasets of devices; more are refused.
        upload_count: uploads that have not come to their end; more are refused.
        fetch_count: targets on their way at a time.
        watch_count: channels that devices follow.
        call_count: calls at a time.
        silence_s: seconds that the next message of an upload may take.
    """

    target_bytes: int = 2 << 30
    file_bytes: int = 64 << 20
    offer_count: int = 10_000
    report_count: int = 100_000
    device_report_count: int = 256
    window_bytes: int = 256 << 20
    dataset_count: int = 10_000
    upload_count: int = 1_024
    fetch_count: int = 4
    watch_count: int = 256
    call_count: int = 20_000
    silence_s: float = 60.0


def full(field: str, name: str, limit: object) -> Refused:
    """The refusal of what finds no room."""
    return Refused(Reason.GATEWAY_FULL, field=field, name=name, limit=limit)


def _need(good: bool, field: str, problem: str, found: object) -> None:
    if not good:
        remedy = "See docs/gateway.md."
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
