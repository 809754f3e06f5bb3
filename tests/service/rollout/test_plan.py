"""Lots: every stage holds the one before, and shares are what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rollout.plan import Plan, lot, takes_part
from slipway.errors import Refused

STAGES = (0.05, 0.25, 1.0)


@given(st.text(max_size=20), st.text(max_size=63))
def test_whoever_takes_part_goes_on_to_the_end(salt: str, device: str) -> None:
    part = [takes_part(Plan(salt, STAGES), stage, device) for stage in range(3)]
    assert part == sorted(part) and part[-1]


def test_a_share_is_about_so_many_devices_and_others_each_time() -> None:
    devices = [f"device-{n}" for n in range(10_000)]
    first, second = ({d for d in devices if takes_part(Plan(salt, STAGES), 0, d)} for salt in ("a", "b"))
    assert 400 < len(first) < 600
    assert len(first & second) < 60
    assert lot("a", "device-0") != lot("b", "device-0")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"stages": ()}, "stages"),
        ({"stages": (0.5, 0.2, 1.0)}, "stages"),
        ({"stages": (0.5,)}, "stages"),
        ({"loss": 0.0}, "loss"),
        ({"error": 1.0}, "error"),
        ({"slower": 1.0}, "slower"),
        ({"report_count": 0}, "report_count"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(Refused) as refused:
        Plan("x", **wrong)  # type: ignore[arg-type]
    assert refused.value.field == f"plan.{field}"
