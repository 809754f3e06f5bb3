"""The manifest: what a bundle says about itself, as strict canonical JSON. The format is in SPEC.md."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec, check_name

FORMAT = 1
MANIFEST_NAME = "manifest.json"
MANIFEST_LIMIT_BYTES = 64 * 1024
FILE_LIMIT = 16
LINEAGE_LIMIT = 64
PROOF_LIMIT = 8
TEXT_LIMIT_CHARS = 512
PRECISIONS = ("float", "int8")
GRAPH, SELF_TEST_INPUTS, SELF_TEST_OUTPUTS, EXTRA = "graph", "self_test_inputs", "self_test_outputs", "extra"
ROLES = (GRAPH, SELF_TEST_INPUTS, SELF_TEST_OUTPUTS, EXTRA)

_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")
_FILE_NAME_LIMIT_CHARS = 64
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,62}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a bundle: its role, length and SHA-256 in hex."""

    role: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        _need(self.role in ROLES, "files.role", f"needs one of {ROLES}", self.role)
        _need(_whole(self.size_bytes) and self.size_bytes >= 0, "files.size_bytes", "needs a length", self.size_bytes)
        _need(_matches(_SHA256, self.sha256), "files.sha256", "needs 64 hex digits", self.sha256)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown when a graph was exported: how its logits compare with the model's on real windows.

    Args:
        precision: ``"float"`` or ``"int8"``.
        samples: windows compared.
        max_difference: largest difference of a logit, as a share of the largest logit; of a rounded regression, the
            root mean square difference of its worst output, in standard deviations.
        agreement: share of windows with the same decision.
        tolerance: limit on ``max_difference``.
    """

    precision: str
    samples: int
    max_difference: float
    agreement: float
    tolerance: float

    def __post_init__(self) -> None:
        _need(self.precision in PRECISIONS, "proofs.precision", f"needs one of {PRECISIONS}", self.precision)
        _need(_whole(self.samples) and self.samples > 0, "proofs.samples", "needs a count", self.samples)
        for name in ("max_difference", "agreement", "tolerance"):
            _need(_amount(getattr(self, name)), f"proofs.{name}", "needs 0 or more", getattr(self, name))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says about itself.

    Args:
        model: resource id of the model.
        version: e.g. ``"7"``.
        task: input and classes.
        precision: ``"float"`` or ``"int8"``.
        files: the bundle's files by name.
        self_test_tolerance: largest difference of a logit a device may see on the self-test.
        lineage: where the model came from, flat.
        proofs: what was shown at export.
        created: RFC 3339 in UTC, or None.

    Raises:
        Refused: BUNDLE_MALFORMED, LIMIT_EXCEEDED or SPEC_INVALID, with the field.
    """

    model: str
    version: str
    task: TaskSpec
    precision: str
    files: Mapping[str, FileEntry]
    self_test_tolerance: float
    lineage: Mapping[str, Scalar] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    created: str | None = None

    def __post_init__(self) -> None:
        check_name(self.model, "manifest.model")
        _need(_matches(_VERSION, self.version), "version", f"needs {_VERSION.pattern}", self.version)
        _need(self.precision in PRECISIONS, "precision", f"needs one of {PRECISIONS}", self.precision)
        _need(self.created is None or _matches(_TIME, self.created), "created", "needs RFC 3339 in UTC", self.created)
        _need(_amount(self.self_test_tolerance), "self_test.tolerance", "needs 0 or more", self.self_test_tolerance)
        _limit("files", len(self.files), FILE_LIMIT)
        _limit("lineage", len(self.lineage), LINEAGE_LIMIT)
        _limit("proofs", len(self.proofs), PROOF_LIMIT)
        for name in self.files:
            check_file_name(name)
            _need(name != MANIFEST_NAME, "files", "needs other names than the manifest's", name)
        for role in (GRAPH, SELF_TEST_INPUTS, SELF_TEST_OUTPUTS):
            count = sum(entry.role == role for entry in self.files.values())
            _need(count == 1, "files", f"needs one file with the role {role}", count)
        for key, value in self.lineage.items():
            _check_lineage(key, value)

    def name_of(self, role: str) -> str:
        """Name of the one file with ``role``."""
        return next(name for name, entry in self.files.items() if entry.role == role)

    def to_bytes(self) -> bytes:
        """Canonical JSON; ``from_bytes`` is its inverse."""
        data = canonical(
            {
                "format": FORMAT,
                "model": self.model,
                "version": self.version,
                "task": self.task.to_json(),
                "precision": self.precision,
                "created": self.created,
                "lineage": dict(self.lineage),
                "files": {name: asdict(entry) for name, entry in self.files.items()},
                "self_test": {"tolerance": self.self_test_tolerance},
                "proofs": [asdict(proof) for proof in self.proofs],
            }
        )
        _limit("", len(data), MANIFEST_LIMIT_BYTES)
        return data

    @staticmethod
    def from_bytes(data: bytes) -> "Manifest":
        """Read what ``to_bytes`` wrote, and nothing else.

        Raises:
            Refused: as the constructor.
        """
        _limit("", len(data), MANIFEST_LIMIT_BYTES)
        fields = _fields(_parse(data), "", _KEYS)
        _need(fields["format"] == FORMAT and _whole(fields["format"]), "format", f"needs {FORMAT}", fields["format"])
        files = _object(fields["files"], "files")
        proofs = fields["proofs"]
        _need(isinstance(proofs, list), "proofs", "needs a list", proofs)
        return Manifest(
            model=fields["model"],
            version=fields["version"],
            task=TaskSpec.from_json(fields["task"]),
            precision=fields["precision"],
            files={name: FileEntry(**_fields(files[name], f"files.{name}", _FILE_KEYS)) for name in files},
            self_test_tolerance=_fields(fields["self_test"], "self_test", {"tolerance"})["tolerance"],
            lineage=_object(fields["lineage"], "lineage"),
            proofs=tuple(Proof(**_fields(proof, "proofs", _PROOF_KEYS)) for proof in proofs),
            created=fields["created"],
        )


_KEYS = {"format", "model", "version", "task", "precision", "created", "lineage", "files", "self_test", "proofs"}
_FILE_KEYS = set(FileEntry.__dataclass_fields__)
_PROOF_KEYS = set(Proof.__dataclass_fields__)


def file_entry(role: str, data: bytes) -> FileEntry:
    """The manifest's row for a file."""
    return FileEntry(role, len(data), hashlib.sha256(data).hexdigest())


def check_file_name(name: str) -> None:
    """Refuse a name that is not a plain file in the bundle's only folder.

    Raises:
        Refused: BUNDLE_MALFORMED.
    """
    fits = len(name) <= _FILE_NAME_LIMIT_CHARS and _matches(_FILE_NAME, name)
    _need(fits, "files", "needs plain lower-case file names without folders", name)


def canonical(value: object) -> bytes:
    """The one JSON encoding of ``value``.

    Raises:
        ValueError: a number that is not finite.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _parse(data: bytes) -> object:
    try:
        value = json.loads(data.decode("ascii"), object_pairs_hook=_unique, parse_constant=_no_constant)
        same = canonical(value) == data
    except (ValueError, RecursionError) as error:
        raise _malformed("", f"is not JSON as SPEC.md wants it ({type(error).__name__}: {error})") from None
    _need(same, "", "needs the canonical encoding", "another one")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _fields(value: object, name: str, keys: set[str]) -> dict[str, Any]:
    found = _object(value, name)
    _need(set(found) == keys, name, f"needs exactly the keys {sorted(keys)}", sorted(found))
    return found


def _object(value: object, name: str) -> dict[str, Any]:
    _need(isinstance(value, dict), name, "needs an object", type(value).__name__)
    assert isinstance(value, dict)
    return value


def _check_lineage(key: str, value: object) -> None:
    _need(0 < len(key) <= TEXT_LIMIT_CHARS, "lineage", f"needs keys of 1 to {TEXT_LIMIT_CHARS} characters", key)
    _need(isinstance(value, str | int | float), f"lineage.{key}", "needs a text, a number or a boolean", value)
    if isinstance(value, str):
        _limit(f"lineage.{key}", len(value), TEXT_LIMIT_CHARS)
    elif isinstance(value, float):
        _need(math.isfinite(value), f"lineage.{key}", "needs a finite number", value)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _limit(name: str, found: int, limit: int) -> None:
    if found > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=_path(name), found=found, limit=limit)


def _need(condition: bool, name: str, problem: str, found: object) -> None:
    if not condition:
        raise _malformed(name, f"{problem}, found {found!r}")


def _malformed(name: str, problem: str) -> Refused:
    return Refused(Reason.BUNDLE_MALFORMED, field=_path(name), problem=problem)


def _path(name: str) -> str:
    return f"manifest.{name}" if name else "manifest"
