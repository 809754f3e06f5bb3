"""Versions that differ little, and what a device was told and fetched of them."""

from collections.abc import Sequence
from typing import Any

from slipway.edge.install import Installer
from slipway.errors import Reason
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.repository import Repository

BALLAST = 20_000  # bytes of each bundle that no version changes
Pair = tuple[Installer, str, str]


def publish(repository: Repository, version: int, *bases: str) -> str:
    """Offer a version and deltas to it from the bundles ``bases``; returns its hash."""
    sha256 = repository.publish("models/rover", version, bundle(version, ballast=BALLAST))
    for base in bases:
        repository.change(sha256, base)
    return sha256


def downloaded(repository: Repository) -> list[str]:
    """The hash of every download that began."""
    return [sha256 for sha256, _ in repository.downloads]


def refused_deltas(events: Sequence[tuple[str, dict[str, Any]]]) -> list[Reason]:
    """Why deltas were refused."""
    return [values["reason"] for event, values in events if event == "delta_refused"]
