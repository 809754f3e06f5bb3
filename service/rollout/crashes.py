"""Which reports about an update speak of the model."""

from service.rollout.health import Health

# A file that came damaged, late or unsigned says nothing about the model in it.
OF_THE_WAY = frozenset(
    {
        "BUNDLE_HASH_MISMATCH",
        "DELTA_BASE_DIFFERS",
        "DELTA_MALFORMED",
        "DOWNLOAD_FAILED",
        "DOWNLOAD_INVALID",
        "METADATA_EXPIRED",
        "METADATA_REFUSED",
        "SERIAL_BACKWARDS",
        "STORAGE_FULL",
        "TARGET_NOT_SIGNED",
    }
)


def is_crash(state: str, reason: str) -> bool:
    """Whether a device says that it cannot live with a version: a self-test, a boot loop, a health gate.

    Args:
        state: "INSTALLED", "REFUSED" or "ROLLED_BACK".
        reason: machine-readable cause.
    """
    return state == "ROLLED_BACK" or (state == "REFUSED" and reason not in OF_THE_WAY)


def crash(device_id: str) -> Health:
    """What it counts as: a candidate that answered nothing."""
    return Health(device_id, windows=0, confidence=0.0, confidence_before=0.0, failures=1)
