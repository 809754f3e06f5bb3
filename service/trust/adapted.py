"""The next version of "adapters/<model>", as a draft. Pure functions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tuf.api.metadata import Metadata, Targets

from service.trust import roles
from service.trust.entries import NewVersion
from service.trust.roles import State


def draft(
    state: State, role: str, news: Sequence[NewVersion], gone: Sequence[str], expires: datetime
) -> Metadata[Targets]:
    """The next version of "adapters/<model>": with ``news``, without ``gone``."""
    found = roles.without(state.targets[role], gone, expires)
    for new in news:
        step = roles.with_adapted(replace(state, targets={**state.targets, role: found}), new, expires)
        step.signed.version = found.signed.version  # one version, however much is new in it
        found = step
    return found


def signed_versions(metadata: Metadata[Targets]) -> set[str]:
    """The versions that a role has signed."""
    customs = [info.custom or {} for info in metadata.signed.targets.values()]
    return {str(custom["version"]) for custom in customs if "version" in custom}
