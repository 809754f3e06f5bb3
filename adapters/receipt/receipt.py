"""The receipt of an adaptation: what went in, what was tried, what was decided and why. Plain values that survive JSON.

``docs/receipts.md`` says field by field what the JSON holds. A reader must ignore fields that it does not know; a field
that is here keeps its meaning while ``SCHEMA_VERSION`` stands.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from adapters.gate.decision import BASE
from adapters.receipt.gains import Gains
from slipway.errors import Reason, Refused

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Data:
    """Windows, named by what they hold.

    Args:
        name: of the dataset, or of the file beside the base.
        sha256: over the stored windows.
        window_count: how many.
        labelled_count: how many of them carry a label.
    """

    name: str
    sha256: str
    window_count: int
    labelled_count: int


@dataclass(frozen=True)
class Candidate:
    """One way that was tried; the base is the first and has no scope.

    Args:
        name: as the gate calls it.
        scope: which numbers it might change.
        objective: what pulled them.
        options: how it was run, as ``adapters.options.Options``.
        seed: of order, split and noise.
        windows: how many of each kind it learned from.
        best_epoch: where the held-out labels were likeliest; None for closed forms.
        seconds: that it took.
        size_bytes: of the numbers it changed, in float32.
        int8_bytes: that the change needs on the device after int8 export.
        evidence: the gate's row, as ``adapters.gate.decision.Row`` without its name: scores (votes), rank, veto, ….
    """

    name: str
    scope: str
    objective: str
    options: Mapping[str, Any]
    seed: int
    windows: Mapping[str, int]
    best_epoch: int | None
    seconds: float
    size_bytes: int
    int8_bytes: int
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Rung:
    """One step of the ladder from doing nothing to what was chosen.

    Args:
        name: of the candidate.
        labelled_accuracy: on labels that no candidate learned from; None without such labels.
        confidence: mean chance of the answer given.
        changed: share of windows answered otherwise than by the base.
        int8_bytes: that the change needs on the device.
    """

    name: str
    labelled_accuracy: float | None
    confidence: float
    changed: float
    int8_bytes: int


@dataclass(frozen=True)
class Sets:
    """Sets of classes that cover the true one in a stated share of the windows (conformal prediction).

    Args:
        coverage: the share that was asked for.
        score: which score of ``adapters.conformal``; for ``least_ambiguous`` it is 1 less the chance of the class.
        thresholds: one a class, which is in the set when its score is at most this; None where too few windows are
            known to leave it out.
        calibration_count: windows the threshold was found on.
        calibrated_on: "source" or "target".
        mean_size: classes in a set, on the pool.
        realised_coverage: on labels of the target that neither the threshold nor the model saw; None without any.
        realised_low: of a 95 % interval of it.
        realised_high: likewise.
        realised_count: windows that it was measured on.
        assumption: what has to hold for the coverage to be kept.
    """

    coverage: float
    score: str
    thresholds: tuple[float | None, ...]
    calibration_count: int
    calibrated_on: str
    mean_size: float
    realised_coverage: float | None
    realised_low: float | None
    realised_high: float | None
    realised_count: int
    assumption: str


@dataclass(frozen=True)
class Receipt:
    """All that is to be known about how an adapted version, or the decision to keep the base, came about.

    Args:
        base: name of the version that was started from.
        base_sha256: of its file.
        target: what the device measured.
        source: what the base learned from, as far as it was compared with; None if it was not.
        prior: the simulator's prior behind the base; None where nothing was simulated.
        explanation: why these candidates were tried, where nobody named a method.
        remarks: what was noticed in the target that limits what can be known.
        candidates: what was tried, the base first.
        decision: the gate's answer, as ``adapters.gate.decision.Decision`` without its rows.
        rules: what the gate insisted on, as ``adapters.gate.decision.Rules``; the confidence it demands is among them.
        shipped: the candidate that became a version; "base" where none did. Differs from what the gate chose where the
            job wanted only its report.
        ladder: what each cheap step is worth, and the winner.
        diagnosis: what the sensor seems to have, in plain words, what matters most first.
        gains: what the base is worth to this device; None where labels do not allow to say it, or nobody asked.
        sets: of classes, where coverage was asked for.
        seconds: of work.
        size_bytes: of the numbers that were changed, in float32.
        int8_bytes: that the change needs on the device after int8 export.
    """

    base: str
    base_sha256: str
    target: Data
    source: Data | None
    prior: Mapping[str, Any] | None
    explanation: str
    remarks: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    decision: Mapping[str, Any]
    rules: Mapping[str, Any]
    shipped: str
    ladder: tuple[Rung, ...]
    diagnosis: tuple[str, ...]
    gains: Gains | None
    sets: Sets | None
    seconds: float
    size_bytes: int
    int8_bytes: int
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; numbers that are not finite become null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    def to_bytes(self) -> bytes:
        """The receipt as a JSON file, the same bytes for the same receipt."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True, allow_nan=False).encode()

    def nearest(self) -> str:
        """The candidate that stood best before the gate; "base" where none stood."""
        ranks = {each.name: each.evidence.get("rank") for each in self.candidates if each.scope}
        standing = {name: rank for name, rank in ranks.items() if rank is not None}
        return min(standing, key=lambda name: standing[name], default=BASE)

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Receipt":
        """Read what ``to_json`` wrote; fields that are not known are ignored.

        Raises:
            Refused: SPEC_INVALID, another schema version or a field that is missing.
        """
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            problem = f"this reader knows schema version {SCHEMA_VERSION}"
            raise Refused(Reason.SPEC_INVALID, field="receipt.schema_version", problem=problem, found=version)
        parts = {
            "source": _optional(Data, document.get("source")),
            "remarks": tuple(document.get("remarks", ())),
            "diagnosis": tuple(document.get("diagnosis", ())),
            "candidates": tuple(_read(Candidate, each) for each in document.get("candidates", ())),
            "ladder": tuple(_read(Rung, each) for each in document.get("ladder", ())),
            "gains": _gains(document.get("gains")),
            "sets": _sets(document.get("sets")),
        }
        if "target" in document:
            parts["target"] = _read(Data, document["target"])
        found: Receipt = _read(Receipt, {**document, **parts})
        return found


def _read(kind: Any, document: Mapping[str, Any]) -> Any:
    known = {field.name: document[field.name] for field in fields(kind) if field.name in document}
    try:
        return kind(**known)
    except TypeError as error:
        problem = f"lacks a field of {kind.__name__}"
        raise Refused(Reason.SPEC_INVALID, field="receipt", problem=problem, found=sorted(document)) from error


def _optional(kind: Any, document: Mapping[str, Any] | None) -> Any:
    return None if document is None else _read(kind, document)


def _gains(document: Mapping[str, Any] | None) -> Gains | None:
    if document is None:
        return None
    found: Gains = _read(Gains, {**document, "harmful": tuple(document["harmful"])})
    return found


def _sets(document: Mapping[str, Any] | None) -> Sets | None:
    if document is None:
        return None
    found: Sets = _read(Sets, {**document, "thresholds": tuple(document.get("thresholds", ()))})
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
