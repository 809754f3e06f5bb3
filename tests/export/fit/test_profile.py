"""A device's limits: what is a profile, how it travels, and what a net breaks of it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from export.fit.cost import Cost
from export.fit.profile import PROFILES, Profile, profile_named, shortfalls
from export.mcu.boards import BOARDS
from slipway.errors import Reason, Refused

SMALL = Profile("small", 90_000, 16_000, 1e6, 0.5, ("QLinearConv",), "cortex-m4f")
FITS = Cost(90_000, 16_000, 500_000)


@pytest.mark.parametrize("profile", [SMALL, *PROFILES.values()], ids=lambda profile: profile.name)
def test_a_profile_survives_json(profile: Profile) -> None:
    assert Profile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


def test_what_has_a_default_may_be_left_out() -> None:
    found = Profile.from_json({"name": "a", "flash_bytes": 1, "ram_bytes": 2, "instructions_per_s": 3})
    assert found == Profile("a", 1, 2, 3)


def test_there_is_a_ready_made_profile_for_every_core_and_a_gateway() -> None:
    assert {profile.core for profile in PROFILES.values()} == {*BOARDS, None}
    assert profile_named("cortex-m4f", flash_bytes=90_000) == replace(PROFILES["cortex-m4f"], flash_bytes=90_000)
    with pytest.raises(Refused, match="Use one of cortex-m3"):
        profile_named("toaster")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("flash_bytes", 0),
        ("flash_bytes", 1.5),
        ("ram_bytes", -1),
        ("ram_bytes", True),
        ("instructions_per_s", float("nan")),
        ("instructions_per_s", None),
        ("latency_s", 0.0),
        ("latency_s", float("inf")),
        ("core", "cortex-m99"),
        ("operators", ["Einsum"]),
        ("operators", "Conv"),
        ("operators", [3]),
    ],
)
def test_a_limit_that_is_none_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        Profile.from_json({**SMALL.to_json(), field: value})
    assert (refused.value.reason, refused.value.field) == (Reason.FIELD_INVALID, f"profile.{field}")


@pytest.mark.parametrize("value", [{**SMALL.to_json(), "colour": "red"}, {"name": "a"}, [], None])
def test_a_record_of_something_else_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match="profile"):
        Profile.from_json(value)


def test_what_is_just_within_the_limits_fits_and_one_more_does_not() -> None:
    assert shortfalls(SMALL, FITS, frozenset({"QLinearConv"})) == ()
    for field, resource in (("flash_bytes", "flash_bytes"), ("ram_bytes", "ram_bytes"), ("instructions", "latency_s")):
        (found,) = shortfalls(SMALL, replace(FITS, **{field: getattr(FITS, field) + 1}))
        assert found.resource == resource


def test_the_worst_limit_comes_first_and_a_missing_operator_before_all() -> None:
    found = shortfalls(SMALL, Cost(180_000, 48_000, 1_000_000), frozenset({"Log", "QLinearConv"}))
    assert [one.resource for one in found] == ["operators", "ram_bytes", "flash_bytes", "latency_s"]
    assert (found[0].needed, found[1].ratio) == ("Log", 3)


def test_without_a_latency_any_number_of_instructions_is_in_time() -> None:
    assert shortfalls(replace(SMALL, latency_s=None), replace(FITS, instructions=10**15)) == ()
    assert replace(SMALL, latency_s=None).instructions is None
    assert SMALL.instructions == 500_000


def test_a_profile_prints_its_limits() -> None:
    assert str(SMALL) == "small: 90 kB flash, 16 kB RAM, 500 ms at 1 M instructions/s"
