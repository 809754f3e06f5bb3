"""What is checked before anything is published: a device would accept it, and it follows on what is there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from service.trust.roles import State
from slipway.errors import Reason, Refused
from slipway.trust.view import LIMITS

LIMIT_BYTES = {
    Root.type: LIMITS.root_max_length,
    Timestamp.type: LIMITS.timestamp_max_length,
    Snapshot.type: LIMITS.snapshot_max_length,
}  # of others: LIMITS.targets_max_length


def merged(before: State, root: Metadata[Root] | None, targets: Mapping[str, Metadata[Targets]]) -> State:
    """``before`` with drafts in it that follow on what is published.

    Raises:
        Refused: FIELD_INVALID; one is not the next version, or those who signed the old root have not signed the new.
    """
    after = {**before.targets, **targets}
    for role, draft in targets.items():
        current = before.targets.get(role)
        _check_next(role, draft, 1 if current is None else current.signed.version + 1)
    if root is not None:
        _check_next(Root.type, root, before.root.signed.version + 1)
        _check_signed(before.root, Root.type, root)
    return replace(before, root=root or before.root, targets=after)


def check(state: State) -> None:
    """Every role is signed by enough of those who may sign it, and signs only what it may.

    Raises:
        Refused: FIELD_INVALID or LIMIT_EXCEEDED.
    """
    assert state.snapshot is not None and state.timestamp is not None
    base = state.targets[Targets.type]
    top: dict[str, Metadata[Any]] = {
        Root.type: state.root,
        Targets.type: base,
        Snapshot.type: state.snapshot,
        Timestamp.type: state.timestamp,
    }
    for role, metadata in top.items():
        _check_signed(state.root, role, metadata)
        _check_size(role, metadata)
    delegations = base.signed.delegations
    for role, delegated in (delegations.roles or {}).items() if delegations else ():
        if role not in state.targets:
            raise _invalid(role, "its keys are named, its metadata is missing", "nothing", "Publish both together.")
        _check_signed(base, role, state.targets[role])
        _check_size(role, state.targets[role])
        for path in state.targets[role].signed.targets:
            if not delegated.is_delegated_path(path):
                raise _invalid(role, "it may not sign this path", path, "Sign it with the role that may.")


def _check_signed(delegator: Metadata[Any], role: str, metadata: Metadata[Any]) -> None:
    try:
        result = delegator.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    except (ValueError, RepositoryError) as error:
        raise _invalid(role, "nobody may sign it", error, "Name its keys first.") from error
    if not result.verified:
        found = f"{len(result.signed)} of {result.threshold} signatures"
        raise _invalid(role, "not enough of those who may have signed it", found, "Have the others sign it, too.")


def _check_next(role: str, draft: Metadata[Any], expected: int) -> None:
    if draft.signed.version != expected:
        words = (f"version {expected} comes next", draft.signed.version)
        raise _invalid(role, *words, "Draft it again on what is published now.")


def _check_size(role: str, metadata: Metadata[Any]) -> None:
    found, limit = len(metadata.to_bytes()), LIMIT_BYTES.get(role, LIMITS.targets_max_length)
    if found > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=role, found=found, limit=limit)


def _invalid(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
