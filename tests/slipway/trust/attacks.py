"""How an attack is seen to have failed: a refusal that says why, and a device that trusts what it trusted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from slipway.errors import Refused
from tests.slipway.trust.shop import ADAPTERS, Device

ROLES = ("timestamp", "snapshot", "targets", ADAPTERS)


@contextmanager
def refused(words: str, field: str = "metadata") -> Iterator[None]:
    """What happens inside is refused, with ``words`` among the reasons."""
    with pytest.raises(Refused, match=words) as refusal:
        yield
    assert refusal.value.field == field


def trusted(device: Device) -> dict[str, int | None]:
    """The version of every role that the device trusts."""
    return {role: device.version(role) for role in ("root", *ROLES)}


def to_version(version: int) -> Callable[[object], None]:
    """A change that gives metadata a version."""

    def change(signed: object) -> None:
        signed.version = version  # type: ignore[attr-defined]

    return change


def nothing(signed: object) -> None:
    """No change but the next version."""
