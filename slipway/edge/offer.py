"""What a server offers a device, as it said it, with limits on all that comes in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.edge.state import HASH, Installed
from slipway.errors import Reason, Refused

SERIAL_LIMIT = 1 << 53  # JSON readers keep whole numbers up to here
VERSION = re.compile(r"models/[a-z][a-z0-9_-]{0,62}/versions/[1-9][0-9]{0,17}")
ROLLOUT = re.compile(r"models/[a-z][a-z0-9_-]{0,62}/rollouts/[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Delta:
    """A file that makes the bundle ``base_sha256`` into an offered one. As the server said it: see ``check_delta``."""

    sha256: str
    size_bytes: int
    base_sha256: str


@dataclass(frozen=True)
class Offer:
    """What a channel points at, how long its bundle is, and a smaller way to it where the server knows one."""

    version: Installed
    size_bytes: int
    delta: Delta | None = None
    candidate: "Beside | None" = None


@dataclass(frozen=True)
class Beside:
    """What a rollout asks to run beside it. As the server said it: see ``check_candidate``."""

    rollout: str
    offer: Offer


def check_offer(offer: Offer, model: str, field: str = "") -> None:
    """Refuse an offer that cannot be one for ``model``; ``field`` is where in the answer it stood: "candidate.".

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    version, size = offer.version, offer.size_bytes
    named = VERSION.fullmatch(version.version) and version.version.startswith(f"{model}/")
    _need(named, f"{field}version", version.version)
    _need(HASH.fullmatch(version.sha256), f"{field}target.sha256", version.sha256)
    _need(0 <= version.serial <= SERIAL_LIMIT, "serial", version.serial)
    if not 0 < size <= BUNDLE_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field=f"{field}target.size_bytes", found=size, limit=BUNDLE_LIMIT_BYTES)


def check_candidate(candidate: Beside, model: str) -> None:
    """Refuse a candidate that cannot be one for ``model``.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    named = ROLLOUT.fullmatch(candidate.rollout) and candidate.rollout.startswith(f"{model}/")
    _need(named, "candidate.rollout", candidate.rollout)
    check_offer(candidate.offer, model, "candidate.")


def check_delta(delta: Delta, held: Sequence[str], bundle_bytes: int) -> None:
    """Refuse a delta that cannot be one for a device that holds ``held``, or that is no shorter than the bundle.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    _need(HASH.fullmatch(delta.sha256), "delta.target.sha256", delta.sha256)
    _need(delta.base_sha256 in held, "delta.base_sha256", delta.base_sha256)
    _need(delta.size_bytes > 0, "delta.target.size_bytes", delta.size_bytes)
    if delta.size_bytes >= bundle_bytes:
        field, limit = "delta.target.size_bytes", bundle_bytes - 1
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=delta.size_bytes, limit=limit)


def _need(good: object, field: str, found: object) -> None:
    if not good:
        remedy = "Check which server this address belongs to."
        problem = "the server's answer makes no sense"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=repr(found), remedy=remedy)
