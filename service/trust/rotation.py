"""Who may sign: drafts of a root, and of targets, that give roles their keys. Pure functions, as in ``roles``."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Targets

from service.trust.roles import next_of, whole
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.view import FORGET_TIME

GATED = 2  # signatures on what was adapted: the adapter's and the gate's


def first_root(roles: Mapping[str, tuple[Sequence[Key], int]], expires: datetime) -> Metadata[Root]:
    """A draft of the first root. ``roles``: keys and threshold of root, targets, snapshot and timestamp."""
    root = Root(expires=whole(expires), consistent_snapshot=True)
    for role, (keys, threshold) in roles.items():
        _check_threshold(role, keys, threshold)
        root.roles[role].threshold = threshold
        for key in keys:
            root.add_key(key, role)
    return Metadata(root)


def with_keys(
    current: Metadata[Root],
    role: str,
    keys: Sequence[Key],
    threshold: int,
    expires: datetime,
    *,
    forget_time: bool = False,
) -> Metadata[Root]:
    """A draft of a root in which ``role`` has these keys. Needs the signatures of the old root's keys and the new.

    Args:
        forget_time: a timestamp key was stolen: devices that it has told a time far ahead shall forget that time.
            Without need it lets a server replay what the new keys have signed to devices without a clock, once.

    Raises:
        Refused: FIELD_INVALID; too few keys for the threshold, or one key twice.
    """
    _check_threshold(role, keys, threshold)
    draft = next_of(current, expires)
    for keyid in list(draft.signed.roles[role].keyids):
        draft.signed.revoke_key(keyid, role)
    for key in keys:
        draft.signed.add_key(key, role)
    draft.signed.roles[role].threshold = threshold
    draft.signed.unrecognized_fields.pop(FORGET_TIME, None)
    if forget_time:
        draft.signed.unrecognized_fields[FORGET_TIME] = True
    return draft


def with_model(current: Metadata[Targets], model: str, adapter: Key, gate: Key, expires: datetime) -> Metadata[Targets]:
    """A draft of targets that lets adapter and gate together sign what is adapted of ``model``; replaces former keys.

    Raises:
        Refused: FIELD_INVALID; adapter and gate are the same key.
    """
    _check_threshold(names.role(model), (adapter, gate), GATED)
    draft = next_of(current, expires)
    delegations = draft.signed.delegations or Delegations({}, {})
    draft.signed.delegations = delegations
    assert delegations.roles is not None
    role = DelegatedRole(names.role(model), [], GATED, True, names.patterns(model))
    delegations.roles[role.name] = role
    for key in (adapter, gate):
        draft.signed.add_key(key, role.name)
    used = {keyid for each in delegations.roles.values() for keyid in each.keyids}
    delegations.keys = {keyid: key for keyid, key in delegations.keys.items() if keyid in used}
    return draft


def _check_threshold(role: str, keys: Sequence[Key], threshold: int) -> None:
    distinct = {str(key.keyval) for key in keys}  # one key under two names would count twice
    if len(distinct) != len(keys) or not 1 <= threshold <= len(keys):
        found = f"{len(distinct)} different keys, threshold {threshold}"
        words = {"problem": f"{len(keys)} keys were given", "found": found}
        raise Refused(Reason.FIELD_INVALID, field=role, **words, remedy="Give as many different keys as must sign.")
