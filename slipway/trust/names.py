"""What the files of an update repository are called, on a server, behind plain HTTP, and in an offline file.

    metadata/timestamp.json                       the only file that is ever replaced
    metadata/<n>.<role>.json                      root, snapshot, targets, adapters/<model>
    targets/<folders>/<sha256>.<file>             what devices install

A name is the decoded path of a URL. A target's path has no hash in it: ``models/rover/adapted/8.slipway``.
"""

import re

from slipway.errors import Reason, Refused

METADATA, TARGETS = "metadata", "targets"
TIMESTAMP = f"{METADATA}/timestamp.json"
NAME_LIMIT_CHARS = 512
PART_LIMIT_CHARS = 200  # file systems take 255 bytes
_PART = rf"(?![^/]{{{PART_LIMIT_CHARS + 1}}})" r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
NAME = re.compile(rf"(?:{METADATA}|{TARGETS})(?:/{_PART})+")
VERSION = re.compile(r"models/([a-z][a-z0-9_-]{0,62})/versions/([1-9][0-9]{0,17})")
_TARGET = re.compile(rf"{TARGETS}/(?:.*/)?([0-9a-f]{{64}})\.[^/]+")


def check_name(name: str) -> str:
    """``name``, if it can only mean a file of a repository: no climbing, no absolute path, no odd character.

    Raises:
        Refused: FIELD_INVALID.
    """
    if len(name) > NAME_LIMIT_CHARS or not NAME.fullmatch(name):
        remedy = "Name a file under metadata/ or targets/."
        raise Refused(
            Reason.FIELD_INVALID, field="name", problem="not a repository's file", found=repr(name), remedy=remedy
        )
    return name


def role(model: str) -> str:
    """The role that signs the adapted versions of ``model`` ("rover")."""
    return f"adapters/{model}"


def patterns(model: str) -> list[str]:
    """The target paths that ``role(model)`` may sign; a ``*`` of The Update Framework does not cross a slash."""
    return [f"models/{model}/adapted/*.slipway", f"models/{model}/adapted/*/*.delta"]


def base_path(version: str) -> str:
    """Where the bundle of a base version ("models/rover/versions/7") lies among the targets.

    Raises:
        Refused: FIELD_INVALID.
    """
    return _bundle_path(version, "base")


def adapted_path(version: str) -> str:
    """Where the bundle of an adapted version lies among the targets.

    Raises:
        Refused: FIELD_INVALID.
    """
    return _bundle_path(version, "adapted")


def delta_path(bundle_path: str, base_sha256: str) -> str:
    """Where the delta lies that makes the bundle at ``bundle_path`` out of the one with ``base_sha256``."""
    return f"{bundle_path.removesuffix('.slipway')}/{base_sha256}.delta"


def target_name(path: str, sha256: str) -> str:
    """The file of a target (consistent snapshots: the hash stands before the last part)."""
    folder, slash, last = path.rpartition("/")
    return f"{TARGETS}/{folder}{slash}{sha256}.{last}"


def target_hash(name: str) -> str | None:
    """The hash in the name of a target's file; None where it is another file's name."""
    found = _TARGET.fullmatch(name)
    return found[1] if found else None


def metadata_name(role: str, version: int) -> str:
    """The file of a role's metadata; ``timestamp`` has one without a number."""
    return TIMESTAMP if role == "timestamp" else f"{METADATA}/{version}.{role}.json"


def _bundle_path(version: str, kind: str) -> str:
    found = VERSION.fullmatch(version)
    if found is None:
        remedy = 'Name a version as "models/rover/versions/3".'
        raise Refused(
            Reason.FIELD_INVALID, field="version", problem="not a version", found=repr(version), remedy=remedy
        )
    return f"models/{found[1]}/{kind}/{found[2]}.slipway"
