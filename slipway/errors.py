"""Why something was refused: one reason, one row of words, the same on a server and on a device.

A function that refuses raises ``Refused(reason, field=..., **details)``. The sentence and the remedy come from
``CATALOGUE``; the gRPC rim turns the row's ``code`` into a status (google.rpc.Code names, AIP-193).
"""

from dataclasses import dataclass
from enum import StrEnum

DOMAIN = "slipway"
DETAIL_LIMIT_CHARS = 200


class Reason(StrEnum):
    """Machine-readable cause of a refusal; travels as ``google.rpc.ErrorInfo.reason``."""

    SPEC_INVALID = "SPEC_INVALID"
    FIELD_REQUIRED = "FIELD_REQUIRED"
    FIELD_INVALID = "FIELD_INVALID"
    WINDOW_SHAPE_MISMATCH = "WINDOW_SHAPE_MISMATCH"
    RATE_MISMATCH = "RATE_MISMATCH"
    SAMPLE_NOT_FINITE = "SAMPLE_NOT_FINITE"
    LABEL_OUTSIDE_CLASSES = "LABEL_OUTSIDE_CLASSES"
    LABELS_MISSING = "LABELS_MISSING"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    BUNDLE_MALFORMED = "BUNDLE_MALFORMED"
    BUNDLE_FILE_MISSING = "BUNDLE_FILE_MISSING"
    BUNDLE_FILE_UNEXPECTED = "BUNDLE_FILE_UNEXPECTED"
    BUNDLE_HASH_MISMATCH = "BUNDLE_HASH_MISMATCH"
    SELF_TEST_FAILED = "SELF_TEST_FAILED"


@dataclass(frozen=True)
class Row:
    """Words for one reason. ``message`` and ``remedy`` are ``str.format`` templates over the details."""

    code: str  # a google.rpc.Code name
    message: str
    remedy: str


CATALOGUE: dict[Reason, Row] = {
    Reason.SPEC_INVALID: Row(
        "INVALID_ARGUMENT", "{field}: {problem}, found {found}.", "Correct the field and send the request again."
    ),
    Reason.FIELD_REQUIRED: Row("INVALID_ARGUMENT", "{field} is required and was empty.", "Set {field}."),
    Reason.FIELD_INVALID: Row("INVALID_ARGUMENT", "{field}: {problem}, found {found}.", "{remedy}"),
    Reason.WINDOW_SHAPE_MISMATCH: Row(
        "INVALID_ARGUMENT",
        "{field}: the windows have shape (time, channels) {found}, the sensor has {expected}.",
        "Cut or reorder the windows to {expected}, or describe the sensor that made them.",
    ),
    Reason.RATE_MISMATCH: Row(
        "INVALID_ARGUMENT",
        "{field}: {found} Hz was given, {expected} Hz is expected.",
        "Resample the recording to {expected} Hz.",
    ),
    Reason.SAMPLE_NOT_FINITE: Row(
        "INVALID_ARGUMENT",
        "{field}: window {window} holds {found} at sample {sample}, channel {channel}.",
        "Drop or repair windows with missing samples before sending them.",
    ),
    Reason.LABEL_OUTSIDE_CLASSES: Row(
        "INVALID_ARGUMENT",
        "{field}: window {window} has label {found}, the task has classes 0 to {last}.",
        "Use the index of the class in the task's list, or -1 for a window without a label.",
    ),
    Reason.LABELS_MISSING: Row(
        "FAILED_PRECONDITION",
        "{field}: {found} windows of {name} carry a label, {expected} are needed.",
        "Upload labels, or choose a method that needs none.",
    ),
    Reason.LIMIT_EXCEEDED: Row(
        "INVALID_ARGUMENT", "{field}: {found} is over the limit of {limit}.", "Send less, or send it in parts."
    ),
    Reason.BUNDLE_MALFORMED: Row(
        "DATA_LOSS", "{field}: the bundle is not well formed: {problem}.", "Download the bundle again from its source."
    ),
    Reason.BUNDLE_FILE_MISSING: Row(
        "DATA_LOSS", "{field}: the manifest names {name}, the bundle lacks it.", "Download the bundle again."
    ),
    Reason.BUNDLE_FILE_UNEXPECTED: Row(
        "DATA_LOSS", "{field}: the bundle holds {name}, the manifest does not name it.", "Download the bundle again."
    ),
    Reason.BUNDLE_HASH_MISMATCH: Row(
        "DATA_LOSS",
        "{field}: {name} has SHA-256 {found}, {expected} was promised.",
        "Download it again; if this repeats, the source is damaged.",
    ),
    Reason.SELF_TEST_FAILED: Row(
        "FAILED_PRECONDITION",
        "{field}: the self-test differs by {found} where {limit} is allowed.",
        "Keep the current model and report this device's processor and ONNX Runtime version.",
    ),
}


class Refused(ValueError):
    """Input or state that is refused, with its catalogue row filled in.

    Args:
        reason: the row of ``CATALOGUE`` that says why.
        field: path of what was refused, e.g. ``"sensor.rate_hz"``.
        details: values for the row's templates; each is cut at ``DETAIL_LIMIT_CHARS`` characters.
    """

    def __init__(self, reason: Reason, *, field: str, **details: object) -> None:
        row = CATALOGUE[reason]
        self.reason = reason
        self.field = field
        self.code = row.code
        self.details = {key: str(value)[:DETAIL_LIMIT_CHARS] for key, value in details.items()}
        words = {"field": field, **self.details}
        self.message = row.message.format(**words)
        self.remedy = row.remedy.format(**words)
        super().__init__(f"{self.message} {self.remedy}")
