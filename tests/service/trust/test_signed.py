"""What devices find signed, as the process that answers calls sees it; what they do not is not rolled out."""

import asyncio
from pathlib import Path

import pytest

from service.catalogue import channels
from service.config import Config
from service.servicers import rollouts
from service.trust.publisher import Publisher
from service.trust.signed import everything, signed_by
from slipway.errors import Reason, Refused
from slipway.v1 import rollouts_pb2
from tests.service.trust.test_publisher import Near
from tests.service.trust.yard import Yard, now, version


def test_it_is_what_the_publisher_has_signed(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    signed = signed_by(yard.config)
    base, other = yard.enter(), yard.enter()
    assert not signed(version(base))
    yard.add_model()
    yard.sign_base(base)
    adapted = yard.enter(promoted=True, base=base)
    assert [signed(version(each)) for each in (base, other, adapted)] == [True, False, False]
    publisher = Publisher(yard.config, [Near(kind, yard, now) for kind in ("adapter", "gate")])
    assert publisher.round(now()) and signed(version(adapted))
    yard.desk.place.take_back([version(adapted)])
    assert publisher.round(now()) and not signed(version(adapted))
    publisher.stop()


def test_where_nothing_is_published_nothing_is_signed_and_where_nothing_is_signed_all_may_go(tmp_path: Path) -> None:
    assert not signed_by(Config(data_folder=tmp_path, trust_snapshot_key="snapshot.pem"))(version(1))
    assert signed_by(Config(data_folder=tmp_path)) is everything


@pytest.fixture
def wanted(tmp_path: Path) -> tuple[Yard, rollouts_pb2.CreateRolloutRequest]:
    """A rollout of a version that nobody has signed."""
    yard = Yard(tmp_path)
    base, better = yard.enter(), yard.enter()
    yard.catalogue.write(channels.point, "rover", "stable", base, "", True, 0)
    rollout = rollouts_pb2.Rollout(version=version(better))
    return yard, rollouts_pb2.CreateRolloutRequest(parent="models/rover", rollout=rollout)


def test_a_rollout_of_what_is_not_signed_is_refused(
    wanted: tuple[Yard, rollouts_pb2.CreateRolloutRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    yard, request = wanted
    monkeypatch.setattr(rollouts, "SIGNING_SECONDS", 0.0)
    calls = rollouts.Rollouts(yard.catalogue, signed_by(yard.config))
    with pytest.raises(Refused) as refusal:
        asyncio.run(calls.CreateRollout(request, None))
    assert refusal.value.reason is Reason.TARGET_NOT_SIGNED
    yard.sign_base(2)
    assert asyncio.run(calls.CreateRollout(request, None)).state == rollouts_pb2.Rollout.RUNNING


def test_a_rollout_waits_for_what_the_publisher_is_about_to_sign(
    wanted: tuple[Yard, rollouts_pb2.CreateRolloutRequest],
) -> None:
    yard, request = wanted
    found = iter([False, False, True])
    calls = rollouts.Rollouts(yard.catalogue, lambda _: next(found))
    assert asyncio.run(calls.CreateRollout(request, None)).state == rollouts_pb2.Rollout.RUNNING
    assert next(found, None) is None
