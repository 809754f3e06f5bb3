"""Which versions are signed, for the process that answers calls: metadata read as JSON, with no framework loaded.

What is read here is this server's own; devices check signatures, a server only sees to it that they are offered no
version for which they would look in vain.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from service.config import Config
from service.trust import metadata_file
from slipway.errors import Refused
from slipway.trust import names

Signed: TypeAlias = Callable[[str], bool]  # of a version: "models/rover/versions/8"


def everything(version: str) -> bool:
    """On a server that signs no updates, devices take what they are offered."""
    return True


def signed_by(config: Config) -> Signed:
    """Tells of a version whether devices find it signed."""
    return partial(is_signed, config.data_folder) if config.trust_snapshot_key else everything


def is_signed(data_folder: Path, version: str) -> bool:
    """Whether the current metadata of any role names ``version``; what was taken back is not signed any more."""
    try:
        snapshot = _signed(data_folder, names.TIMESTAMP)["meta"]["snapshot.json"]["version"]
        roles = _signed(data_folder, names.metadata_name("snapshot", snapshot))["meta"]
        files = [names.metadata_name(file.removesuffix(".json"), meta["version"]) for file, meta in roles.items()]
        return any(version in _versions(_signed(data_folder, name)) for name in files)
    except Refused:  # nothing has been published yet
        return False


def _signed(data_folder: Path, name: str) -> Any:
    return json.loads(metadata_file.read(data_folder, name))["signed"]


def _versions(targets: Any) -> set[str]:
    return {each.get("custom", {}).get("version", "") for each in targets["targets"].values()}
