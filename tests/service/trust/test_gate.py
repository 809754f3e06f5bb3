"""What the two keys of adapted versions look at: a draft is what follows from the catalogue, or it is not signed."""

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Snapshot, Targets

from service.trust import gate, roles
from service.trust.entries import Content, NewVersion
from slipway.errors import Reason, Refused
from tests.slipway.trust.shop import ADAPTER, ADAPTERS, DAY, GATE, NOW, ROVER, TARGETS_KEY, Shop

ENDS = NOW + 14 * DAY
THREE, FOUR = f"{ROVER}/3", f"{ROVER}/4"


class Case:
    """A draft that adds version 3, and the gate's look at what was promoted."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.promoted = {3: self.shop.version(3, b"three" * 99, {self.shop.base: b"delta"})}
        self.draft = roles.with_adapted(self.shop.state, self.promoted[3], ENDS)
        self.taken_back: set[str] = set()
        self.own = GATE.public_key

    def look(self, version: str, serial: int) -> NewVersion:
        found = self.promoted.get(int(version.rpartition("/")[2]))
        if found is None:
            raise Refused(Reason.TARGET_NOT_SIGNED, field="version", name=version, problem="it was not promoted")
        return NewVersion(found.version, serial, found.bundle, found.deltas)

    def judge(self, role: str = ADAPTERS) -> None:
        gate.check_form(role, self.draft, self.shop.state, NOW)
        gate.check_truth(role, self.draft, self.shop.state, self.own, self.look, self.taken_back)

    def refused(self, words: str, role: str = ADAPTERS) -> None:
        with pytest.raises(Refused, match=words) as refusal:
            self.judge(role)
        assert refusal.value.reason is Reason.TARGET_NOT_SIGNED


@pytest.fixture
def case() -> Case:
    return Case()


def test_what_was_promoted_is_signed_and_can_be_published(case: Case) -> None:
    case.judge()
    case.shop.repository.publish(NOW, targets={ADAPTERS: roles.sign(case.draft, ADAPTER, GATE)})


def test_the_same_content_is_signed_for_another_while(case: Case) -> None:
    case.draft = roles.next_of(case.shop.state.targets[ADAPTERS], ENDS)
    case.judge()


def _delegate(signed: Any) -> None:
    own = DelegatedRole("evil", [TARGETS_KEY.public_key.keyid], 1, True, ["models/rover/adapted/*.slipway"])
    signed.delegations = Delegations({TARGETS_KEY.public_key.keyid: TARGETS_KEY.public_key}, {"evil": own})


FORMS: dict[str, Callable[[Any], object]] = {
    "not the next version": lambda signed: setattr(signed, "version", signed.version + 1),
    "too long a life": lambda signed: setattr(signed, "expires", ENDS + timedelta(hours=1)),
    "a life that is over": lambda signed: setattr(signed, "expires", NOW),
    "keys of its own": _delegate,
    "fields of its own": lambda signed: signed.unrecognized_fields.update(more=1),
    "a base model": lambda signed: signed.targets.update({"models/rover/base/3.slipway": _any(signed)}),
    "another model": lambda signed: signed.targets.update({"models/crane/adapted/3.slipway": _any(signed)}),
    "a path that climbs": lambda signed: signed.targets.update({"models/rover/adapted/../3.slipway": _any(signed)}),
}


def _any(signed: Any) -> Any:
    return next(iter(signed.targets.values()))


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS.keys())
def test_neither_key_signs_another_form(case: Case, change: Callable[[Any], object]) -> None:
    change(case.draft.signed)
    with pytest.raises(Refused) as refusal:
        gate.check_form(ADAPTERS, case.draft, case.shop.state, NOW)
    assert refusal.value.reason is Reason.TARGET_NOT_SIGNED


@pytest.mark.parametrize("role", ["targets", "adapters/crane", "adapters/", "root", "adapters/rover/x"])
def test_neither_key_signs_for_another_role(case: Case, role: str) -> None:
    case.refused("no such role", role)


def test_neither_key_signs_metadata_of_another_kind(case: Case) -> None:
    case.draft = Metadata(Snapshot(version=case.draft.signed.version, expires=ENDS))
    case.refused("nothing else")


def test_a_version_that_was_not_promoted(case: Case) -> None:
    case.promoted.clear()
    case.refused("not promoted")


def test_other_bytes_than_those_that_were_promoted(case: Case) -> None:
    new = case.promoted[3]
    case.promoted[3] = NewVersion(new.version, 0, Content("0" * 64, new.bundle.size_bytes), new.deltas)
    case.refused("something else")


def test_a_delta_less_or_a_delta_more(case: Case) -> None:
    new = case.promoted[3]
    case.promoted[3] = NewVersion(new.version, 0, new.bundle)
    case.refused("something else")
    more = f"models/rover/adapted/3/{'0' * 64}.delta"
    case.promoted[3] = new
    case.draft.signed.targets[more] = _any(case.draft.signed)
    case.refused("something else")


def test_a_version_that_stands_there_is_not_changed(case: Case) -> None:
    path = "models/rover/adapted/2.slipway"
    case.draft.signed.targets[path] = copy.deepcopy(case.draft.signed.targets[path])
    case.draft.signed.targets[path].hashes["sha256"] = "0" * 64
    case.refused("does not rise")


def test_nothing_is_dropped_without_an_order(case: Case) -> None:
    case.draft = roles.without(case.shop.state.targets[ADAPTERS], [f"{ROVER}/2"], ENDS)
    case.refused("nobody has ordered it")
    case.taken_back = {f"{ROVER}/2"}
    case.judge()


def test_what_was_ordered_back_does_not_come_again(case: Case) -> None:
    case.taken_back = {THREE}
    case.refused("ordered back")


@pytest.mark.parametrize("serial", [1, 2, -1, 2.5, "3", True, None])
def test_the_serial_rises(case: Case, serial: object) -> None:
    info = case.draft.signed.targets["models/rover/adapted/3.slipway"]
    info.unrecognized_fields["custom"]["serial"] = serial
    case.refused("serial")


def test_two_versions_do_not_share_a_serial(case: Case) -> None:
    case.promoted[4] = case.shop.version(4, b"four" * 99)
    case.draft.signed.targets.update(_entries(FOUR, case, serial=3))
    case.refused("does not rise")
    case.draft.signed.targets.update(_entries(FOUR, case, serial=4))
    case.judge()


def _entries(version: str, case: Case, serial: int) -> dict[str, Any]:
    from service.trust.entries import adapted_entries

    return adapted_entries(case.look(version, serial))


def test_what_the_gate_has_not_signed_itself_counts_as_new(case: Case) -> None:
    """Whoever may write to the folder cannot make the gate believe that something stood there before."""
    planted = {"models/rover/adapted/7.slipway": _any(case.draft.signed)}
    case.shop.signers[ADAPTERS] = [ADAPTER]
    case.shop.forge({ADAPTERS: lambda signed: signed.targets.update(planted)})
    case.draft = roles.next_of(case.shop.state.targets[ADAPTERS], ENDS)
    case.refused("not promoted|does not rise")


def test_a_new_gate_looks_at_all_of_it(case: Case) -> None:
    case.own = TARGETS_KEY.public_key
    case.refused("not promoted")
    old = case.shop.state.targets[ADAPTERS].signed.targets["models/rover/adapted/2.slipway"]
    deltas = case.shop.version(2, case.shop.adapted, {case.shop.base: _delta(case)}).deltas
    case.promoted[2] = NewVersion(f"{ROVER}/2", 2, Content(old.hashes["sha256"], old.length), deltas)
    case.judge()


def _delta(case: Case) -> bytes:
    (path,) = [p for p in case.shop.state.targets[ADAPTERS].signed.targets if p.endswith(".delta")]
    info = case.shop.state.targets[ADAPTERS].signed.targets[path]
    return case.shop.blobs[info.hashes["sha256"]]


def test_an_empty_role_needs_no_look(case: Case) -> None:
    case.shop.add_model("crane")
    case.draft = roles.next_of(case.shop.state.targets["adapters/crane"], ENDS)
    assert isinstance(case.draft.signed, Targets)
    case.judge("adapters/crane")
