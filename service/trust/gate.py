"""What the two keys of "adapters/<model>" look at before they sign a draft. Both see its form, the gate also its truth.

Neither believes whoever asks: what is signed now is read from the repository, what was promoted from the catalogue,
and the draft has to be exactly what follows from the two.
"""

import re
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Metadata, TargetFile, Targets

from service.trust import entries
from service.trust.entries import NewVersion
from service.trust.roles import LIFETIMES, State, added
from slipway.errors import Reason, Refused
from slipway.trust import names

ROLE = re.compile(r"adapters/([a-z][a-z0-9_-]{0,62})")
SLACK = timedelta(minutes=5)  # between the clocks of two processes
Look = Callable[[str, int], NewVersion]  # a promoted version by name, with the serial that it gets


def check_form(role: str, draft: Metadata[Any], state: State, now: datetime) -> Metadata[Targets]:
    """The draft may be the next version of its role, and is a list of targets and nothing else; returns the current.

    Raises:
        Refused: TARGET_NOT_SIGNED.
    """
    found = ROLE.fullmatch(role)
    current = state.targets.get(role)
    if found is None or current is None:
        raise _refused(role, "no such role is published")
    signed = draft.signed
    plain = Targets(current.signed.version + 1, expires=signed.expires, targets=getattr(signed, "targets", {}))
    if signed != plain:
        raise _refused(role, f"a draft is version {plain.version} and lists targets, nothing else")
    if not now < signed.expires <= now + LIFETIMES.adapters + SLACK:
        problem = f"it would hold until {signed.expires:%Y-%m-%d %H:%M}; {LIFETIMES.adapters.days} days are allowed"
        raise _refused(role, problem)
    allowed = DelegatedRole(role, [], 1, True, names.patterns(found[1]))
    for path in signed.targets:
        if not allowed.is_delegated_path(path):
            raise _refused(path, f"{role} may not sign this path")
    return current


def check_truth(
    role: str, draft: Metadata[Targets], state: State, own: Key, look: Look, taken_back: Collection[str]
) -> None:
    """All that the draft adds is a promoted version, whole and as stored; all that it drops was ordered back.

    Args:
        own: the gate's key. What it has not signed itself counts as added.
        look: reads a promoted version; raises ``Refused`` for any other.
        taken_back: versions that the operator has ordered back.

    Raises:
        Refused: TARGET_NOT_SIGNED, or as ``look``.
    """
    current = state.targets[role]
    known = _signed_by(current, own)  # not so when the gate's key is new: then all of it is looked at again
    before = current if known else Metadata(Targets(expires=current.signed.expires))
    model = role.partition("/")[2]
    wanted = draft.signed.targets
    for path in before.signed.targets:
        if path not in wanted and _version(path, model) not in taken_back:
            raise _refused(path, "the draft drops it, and nobody has ordered it back")
    highest = entries.serial_of([each.signed.targets for each in state.targets.values()], model) if known else 0
    seen: set[int] = set()
    for version in sorted({_version(path, model) for path in added(before, draft)}):
        if version in taken_back:
            raise _refused(version, "it was ordered back")
        serial = _serial(wanted, version)
        if serial <= highest or serial in seen:
            raise _refused(version, f"its serial {serial} does not rise")
        seen.add(serial)
        expected = entries.adapted_entries(look(version, serial))
        if {path: info for path, info in wanted.items() if _version(path, model) == version} != expected:
            raise _refused(version, "the draft says something else than the catalogue and the blobs")


def _signed_by(current: Metadata[Targets], own: Key) -> bool:
    signature = current.signatures.get(own.keyid)
    try:
        return signature is not None and own.verify_signature(signature, current.signed_bytes) is None
    except (UnverifiedSignatureError, VerificationError):
        return False


def _version(path: str, model: str) -> str:
    """The version that a path of "adapters/<model>" belongs to."""
    number = path.removeprefix(f"models/{model}/adapted/").partition("/")[0].removesuffix(".slipway")
    version = f"models/{model}/versions/{number}"
    names.adapted_path(version)
    return version


def _serial(wanted: dict[str, TargetFile], version: str) -> int:
    info = wanted.get(names.adapted_path(version))
    serial = (info.custom or {}).get("serial") if info else None
    if type(serial) is not int:
        raise _refused(version, "the draft has no serial for it")
    return serial


def _refused(name: str, problem: str) -> Refused:
    return Refused(Reason.TARGET_NOT_SIGNED, field="draft", name=name, problem=problem)
