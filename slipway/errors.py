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
    SOURCE_MISSING = "SOURCE_MISSING"
    RECORDING_DIFFERS = "RECORDING_DIFFERS"
    DOWNLOAD_FAILED = "DOWNLOAD_FAILED"
    TRAINING_DIVERGED = "TRAINING_DIVERGED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    BUNDLE_MALFORMED = "BUNDLE_MALFORMED"
    BUNDLE_FILE_MISSING = "BUNDLE_FILE_MISSING"
    BUNDLE_FILE_UNEXPECTED = "BUNDLE_FILE_UNEXPECTED"
    BUNDLE_HASH_MISMATCH = "BUNDLE_HASH_MISMATCH"
    DELTA_MALFORMED = "DELTA_MALFORMED"
    DELTA_BASE_DIFFERS = "DELTA_BASE_DIFFERS"
    SELF_TEST_FAILED = "SELF_TEST_FAILED"
    EXPORT_DIFFERS = "EXPORT_DIFFERS"
    EXPORT_UNSUPPORTED = "EXPORT_UNSUPPORTED"
    FROZEN_GRID_UNFIT = "FROZEN_GRID_UNFIT"
    NOTHING_FITS = "NOTHING_FITS"
    ACCUMULATOR_OVERFLOW = "ACCUMULATOR_OVERFLOW"
    DATASET_NOT_FOUND = "DATASET_NOT_FOUND"
    UPLOAD_NOT_FOUND = "UPLOAD_NOT_FOUND"
    JOB_NOT_FOUND = "JOB_NOT_FOUND"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    VERSION_NOT_FOUND = "VERSION_NOT_FOUND"
    CHANNEL_NOT_FOUND = "CHANNEL_NOT_FOUND"
    ARTIFACT_NOT_FOUND = "ARTIFACT_NOT_FOUND"
    TARGET_NOT_FOUND = "TARGET_NOT_FOUND"
    TARGET_NOT_SIGNED = "TARGET_NOT_SIGNED"
    METADATA_REFUSED = "METADATA_REFUSED"
    METADATA_EXPIRED = "METADATA_EXPIRED"
    IDENTIFICATION_UNUSABLE = "IDENTIFICATION_UNUSABLE"
    DATASET_EXISTS = "DATASET_EXISTS"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    SENSOR_MISMATCH = "SENSOR_MISMATCH"
    TASK_MISMATCH = "TASK_MISMATCH"
    DATASET_EMPTY = "DATASET_EMPTY"
    UPLOAD_OFFSET_MISMATCH = "UPLOAD_OFFSET_MISMATCH"
    UPLOAD_INCOMPLETE = "UPLOAD_INCOMPLETE"
    UPLOAD_TAKEN_OVER = "UPLOAD_TAKEN_OVER"
    UPLOADS_EXHAUSTED = "UPLOADS_EXHAUSTED"
    STORAGE_FULL = "STORAGE_FULL"
    INFERENCE_BUSY = "INFERENCE_BUSY"
    INFERENCE_UNKNOWN = "INFERENCE_UNKNOWN"
    STORED_FILE_DAMAGED = "STORED_FILE_DAMAGED"
    ARTIFACT_IMMUTABLE = "ARTIFACT_IMMUTABLE"
    VERSION_NOT_INSTALLABLE = "VERSION_NOT_INSTALLABLE"
    READ_OUTSIDE_FILE = "READ_OUTSIDE_FILE"
    WORKER_LOST = "WORKER_LOST"
    SERVER_STOPPING = "SERVER_STOPPING"
    DATA_FOLDER_BUSY = "DATA_FOLDER_BUSY"
    DATA_FOLDER_NEWER = "DATA_FOLDER_NEWER"
    ADDRESS_UNUSABLE = "ADDRESS_UNUSABLE"
    INTERNAL = "INTERNAL"
    DOWNLOAD_INVALID = "DOWNLOAD_INVALID"
    SERIAL_BACKWARDS = "SERIAL_BACKWARDS"
    VERSION_REFUSED_BEFORE = "VERSION_REFUSED_BEFORE"
    BUNDLE_UNUSABLE = "BUNDLE_UNUSABLE"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    EDGE_FOLDER_BUSY = "EDGE_FOLDER_BUSY"
    EDGE_STATE_DAMAGED = "EDGE_STATE_DAMAGED"
    NOTHING_INSTALLED = "NOTHING_INSTALLED"
    MODEL_FAILED = "MODEL_FAILED"
    HEALTH_GATE = "HEALTH_GATE"
    BOOT_LOOP = "BOOT_LOOP"
    REPORT_NOT_SIGNED = "REPORT_NOT_SIGNED"
    REPORT_STALE = "REPORT_STALE"
    GATEWAY_FULL = "GATEWAY_FULL"
    GATEWAY_CLOSED = "GATEWAY_CLOSED"
    SERVER_AWAY = "SERVER_AWAY"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    CERTIFICATE_REFUSED = "CERTIFICATE_REFUSED"
    ENROLMENT_REFUSED = "ENROLMENT_REFUSED"
    ENROLMENT_BUSY = "ENROLMENT_BUSY"
    ENROLMENT_CLOSED = "ENROLMENT_CLOSED"
    IDENTITY_NOT_FOUND = "IDENTITY_NOT_FOUND"
    IDENTITY_EXISTS = "IDENTITY_EXISTS"
    IDENTITY_MISSING = "IDENTITY_MISSING"
    IDENTITY_UNUSABLE = "IDENTITY_UNUSABLE"
    SERVER_NOT_TRUSTED = "SERVER_NOT_TRUSTED"
    STREAM_SILENT = "STREAM_SILENT"
    ROLLOUT_NOT_FOUND = "ROLLOUT_NOT_FOUND"
    ROLLOUT_ENDED = "ROLLOUT_ENDED"
    POLICY_NOT_FOUND = "POLICY_NOT_FOUND"
    DEVICE_NOT_FOUND = "DEVICE_NOT_FOUND"


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
    Reason.SOURCE_MISSING: Row(
        "FAILED_PRECONDITION",
        "{field}: {name} compares with windows of the source, and none were given.",
        "Name a source dataset, or choose an objective that needs no source.",
    ),
    Reason.RECORDING_DIFFERS: Row(
        "DATA_LOSS",
        "{field}: the recording {name} has SHA-256 {found}, {expected} was published.",
        "Fetch it again; if this repeats, its source has changed or is damaged.",
    ),
    Reason.DOWNLOAD_FAILED: Row(
        "UNAVAILABLE", "{field}: {name} could not be downloaded: {problem}.", "Try again later, or fetch it by hand."
    ),
    Reason.TRAINING_DIVERGED: Row(
        "FAILED_PRECONDITION",
        "{field}: numbers stopped being finite in epoch {epoch} (loss {found}).",
        "Lower the learning rate, or check that the windows are in the sensor's units.",
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
    Reason.DELTA_MALFORMED: Row(
        "DATA_LOSS",
        "{field}: the delta is not well formed: {problem}.",
        "Download it again; if this repeats, download the whole file.",
    ),
    Reason.DELTA_BASE_DIFFERS: Row(
        "FAILED_PRECONDITION",
        "{field}: the delta changes the file {expected}, here is {found}.",
        "Download the whole file, or a delta made for this one.",
    ),
    Reason.SELF_TEST_FAILED: Row(
        "FAILED_PRECONDITION",
        "{field}: the self-test differs by {found} where {limit} is allowed.",
        "Keep the current model and report this device's processor and ONNX Runtime version.",
    ),
    Reason.EXPORT_DIFFERS: Row(
        "FAILED_PRECONDITION",
        "{field}: over {samples} windows the {precision} graph {problem}: {found} where {limit} is allowed.",
        "Calibrate on windows of the place the model will serve, or export in float.",
    ),
    Reason.EXPORT_UNSUPPORTED: Row(
        "INVALID_ARGUMENT", "{field}: {problem}.", "Describe the net with layers that can be exported."
    ),
    Reason.NOTHING_FITS: Row("FAILED_PRECONDITION", "{field}: {problem}, found {found}.", "{remedy}"),
    Reason.FROZEN_GRID_UNFIT: Row(
        "FAILED_PRECONDITION",
        "{field}: the int8 base cannot take the change as it stands: {problem}.",
        "Give windows of the target, so that what does not fit is calibrated again.",
    ),
    Reason.ACCUMULATOR_OVERFLOW: Row(
        "INVALID_ARGUMENT",
        "{field}: a sum can reach {found}, 32 bits hold {limit}.",
        "Narrow the layer or pool before it, or export in float.",
    ),
    Reason.DATASET_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: there is no dataset {name}.", "List the datasets, or create it first."
    ),
    Reason.UPLOAD_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: there is no upload {name}.", "Start the upload again from its first window."
    ),
    Reason.JOB_NOT_FOUND: Row("NOT_FOUND", "{field}: there is no job {name}.", "List the jobs."),
    Reason.MODEL_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: there is no model {name}.", "List the models, or create it with a pretrain job."
    ),
    Reason.VERSION_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: there is no version {name}.", "List the versions of the model."
    ),
    Reason.CHANNEL_NOT_FOUND: Row(
        "NOT_FOUND",
        "{field}: there is no channel {name}.",
        "List the channels of the model, or set allow_missing to create it.",
    ),
    Reason.ARTIFACT_NOT_FOUND: Row(
        "NOT_FOUND",
        "{field}: there is no artifact {name}.",
        "Look at the artifacts of the version; an export job adds the ones that devices run.",
    ),
    Reason.TARGET_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: there is no target {name}.", "Ask GetMetadata what the channel points at now."
    ),
    Reason.TARGET_NOT_SIGNED: Row(
        "FAILED_PRECONDITION",
        "{field}: {name} may not be installed: {problem}.",
        "Sign it with the role that may.",
    ),
    Reason.METADATA_REFUSED: Row(
        "DATA_LOSS",
        "{field}: the signed metadata is refused: {problem}.",
        "Try again; if this repeats, the server or a proxy damages or replays its answers.",
    ),
    Reason.METADATA_EXPIRED: Row(
        "FAILED_PRECONDITION",
        "{field}: {problem}.",
        "Renew the repository's metadata; check the clocks of device and server.",
    ),
    Reason.IDENTIFICATION_UNUSABLE: Row(
        "FAILED_PRECONDITION",
        "{field}: {name} {problem}.",
        "Name an identify job of the same world that has succeeded.",
    ),
    Reason.DATASET_EXISTS: Row(
        "ALREADY_EXISTS", "{field}: the dataset {name} exists already.", "Use it, or choose another id."
    ),
    Reason.REQUEST_ID_REUSED: Row(
        "ALREADY_EXISTS",
        "{field}: {found} was used for another request before.",
        "Choose a new UUID for each new request; send the same one only to repeat the same request.",
    ),
    Reason.ETAG_MISMATCH: Row(
        "ABORTED",
        "{field}: {found} was sent, the channel {name} is at {expected}.",
        "Read the channel again and decide anew.",
    ),
    Reason.PAGE_TOKEN_INVALID: Row(
        "INVALID_ARGUMENT",
        "{field}: {found} is not a token that this list gave out.",
        "Send the next_page_token of the page before, with the same arguments, or none to begin again.",
    ),
    Reason.SENSOR_MISMATCH: Row(
        "INVALID_ARGUMENT",
        "{field}: channel {index} is {found}, the dataset has {expected}.",
        "Send the channels in the order and the units of the dataset, or create a dataset for this sensor.",
    ),
    Reason.TASK_MISMATCH: Row(
        "FAILED_PRECONDITION",
        "{field}: the model {name} answers another task: its {part} differs.",
        "Choose another model_id, or learn the same task.",
    ),
    Reason.DATASET_EMPTY: Row(
        "FAILED_PRECONDITION", "{field}: the dataset {name} holds no windows.", "Upload windows to it first."
    ),
    Reason.UPLOAD_OFFSET_MISMATCH: Row(
        "ABORTED",
        "{field}: window {found} was sent, the upload stands at window {expected}.",
        "Go on at window {expected}.",
    ),
    Reason.UPLOAD_INCOMPLETE: Row(
        "FAILED_PRECONDITION",
        "{field}: the stream ended after {found} of {expected} windows.",
        "Open another stream with the same upload_id and go on at window {found}.",
    ),
    Reason.UPLOAD_TAKEN_OVER: Row(
        "ABORTED",
        "{field}: another stream goes on with the upload {name}.",
        "Let one stream at a time send an upload.",
    ),
    Reason.UPLOADS_EXHAUSTED: Row(
        "RESOURCE_EXHAUSTED",
        "{field}: {limit} uploads are open already.",
        "Complete one of them, or try again later.",
    ),
    Reason.STORAGE_FULL: Row(
        "RESOURCE_EXHAUSTED",
        "{field}: the upload needs {found} bytes, the server's disk has {limit} left.",
        "Free some space on the server, or send less.",
    ),
    Reason.INFERENCE_BUSY: Row(
        "RESOURCE_EXHAUSTED",
        "{field}: {name} has no room for more than {limit} waiting windows.",
        "Try again after a pause, the status says of what length, or send fewer windows at a time.",
    ),
    Reason.INFERENCE_UNKNOWN: Row(
        "NOT_FOUND",
        "{field}: Request for unknown model: there is no {name}.",
        "List the models, their versions and channels; an export job adds the bundle that a version needs.",
    ),
    Reason.STORED_FILE_DAMAGED: Row(
        "DATA_LOSS",
        "{field}: the stored file {expected} reads as {found}.",
        "Restore it from a backup of the server's data folder, or make it again.",
    ),
    Reason.ARTIFACT_IMMUTABLE: Row(
        "FAILED_PRECONDITION",
        "{field}: {name} exists with other content.",
        "Versions never change: make a new version and export that one.",
    ),
    Reason.VERSION_NOT_INSTALLABLE: Row(
        "FAILED_PRECONDITION",
        "{field}: the version {name} has no bundle for devices.",
        "Run an export job for {name} first.",
    ),
    Reason.READ_OUTSIDE_FILE: Row(
        "OUT_OF_RANGE", "{field}: byte {found} lies past the end at {limit}.", "Begin at {limit} or before."
    ),
    Reason.WORKER_LOST: Row(
        "INTERNAL",
        "{field}: {found} workers died while they ran the job.",
        "Look at the server's log; give the server more memory or the job less data, and create the job again.",
    ),
    Reason.SERVER_STOPPING: Row("UNAVAILABLE", "{field}: the server is stopping.", "Try again in a moment."),
    Reason.DATA_FOLDER_BUSY: Row(
        "FAILED_PRECONDITION",
        "{field}: another server uses the folder {name}.",
        "Stop it, or choose another folder.",
    ),
    Reason.DATA_FOLDER_NEWER: Row(
        "FAILED_PRECONDITION",
        "{field}: the catalogue was written by a server that this one does not know (revision {found}).",
        "Run the newer server, or choose another folder.",
    ),
    Reason.ADDRESS_UNUSABLE: Row(
        "FAILED_PRECONDITION",
        "{field}: the server cannot listen on {found}.",
        "Choose a free port (0 lets the system choose) and an address of this machine.",
    ),
    Reason.INTERNAL: Row(
        "INTERNAL",
        "{field}: something went wrong on the server (error {error_id}).",
        "Look for {error_id} in the server's log and report what it says.",
    ),
    Reason.DOWNLOAD_INVALID: Row(
        "DATA_LOSS", "{field}: {problem}.", "Try again; if this repeats, the server or a proxy damages its answers."
    ),
    Reason.SERIAL_BACKWARDS: Row(
        "FAILED_PRECONDITION",
        "{field}: the server offers move {found} of the channel, this device has seen move {expected}.",
        "Move the channel on from the server; one restored from an old copy has to pass move {expected} first.",
    ),
    Reason.VERSION_REFUSED_BEFORE: Row(
        "FAILED_PRECONDITION",
        "{field}: {name} was refused by this device before: {problem}",
        "Publish another version; these bytes are not tried again.",
    ),
    Reason.BUNDLE_UNUSABLE: Row(
        "FAILED_PRECONDITION",
        "{field}: the model of {name} cannot be loaded: {problem}.",
        "Keep the current model; export the version again, or update the device's slipway package.",
    ),
    Reason.VERSION_MISMATCH: Row(
        "DATA_LOSS",
        "{field}: the bundle says it is {found}, {expected} was offered.",
        "Keep the current model; the server mixes up its files.",
    ),
    Reason.EDGE_FOLDER_BUSY: Row(
        "ABORTED", "{field}: another agent works in {found}.", "Stop it first, or name another folder with --folder."
    ),
    Reason.EDGE_STATE_DAMAGED: Row(
        "DATA_LOSS",
        "{field}: {found} cannot be read: {problem}.",
        "Run the agent once with its server in reach; it sets the file aside and installs afresh.",
    ),
    Reason.REPORT_NOT_SIGNED: Row(
        "PERMISSION_DENIED",
        "{field}: the report of {name} is not signed by it: {problem}.",
        "Sign it on the device with the key of its certificate; enrol the device if it has none.",
    ),
    Reason.REPORT_STALE: Row(
        "FAILED_PRECONDITION",
        "{field}: the report was signed at {found}: {problem}.",
        "Set the device's clock; send a report anew, not an old one again.",
    ),
    Reason.GATEWAY_FULL: Row(
        "RESOURCE_EXHAUSTED",
        "{field}: the gateway has no room for more {name} than {limit}.",
        "Try again when the gateway has reached its server.",
    ),
    Reason.GATEWAY_CLOSED: Row(
        "FAILED_PRECONDITION",
        "{field}: the gateway's operator lets no {name} pass.",
        "Keep them, or ask the operator to start the gateway with another --windows.",
    ),
    Reason.SERVER_AWAY: Row(
        "UNAVAILABLE",
        "{field}: the gateway has no {name} and cannot reach its server: {problem}.",
        "Try again later.",
    ),
    Reason.NOTHING_INSTALLED: Row(
        "FAILED_PRECONDITION",
        "{field}: no version is installed in {found}.",
        "Run `slipway edge install-once` with the server in reach first.",
    ),
    Reason.MODEL_FAILED: Row(
        "INTERNAL",
        "{field}: the model {name} gave no answer: {problem}.",
        "Send the next window; a version that fails while it is on trial is taken back by itself.",
    ),
    Reason.HEALTH_GATE: Row(
        "FAILED_PRECONDITION",
        "{field}: {name} did not stand its trial: {problem}.",
        "Publish another version; `slipway edge forget-refusals` lets the device try this one again.",
    ),
    Reason.BOOT_LOOP: Row(
        "FAILED_PRECONDITION",
        "{field}: {found} starts with {name} did not end well, {limit} are allowed while it is on trial.",
        "Publish another version; `slipway edge forget-refusals` lets the device try this one again.",
    ),
    Reason.PERMISSION_DENIED: Row(
        "PERMISSION_DENIED",
        "{field}: the identity {name} may not do this.",
        "Use an identity whose role and id allow it; docs/security.md has the table.",
    ),
    Reason.CERTIFICATE_REFUSED: Row(
        "UNAUTHENTICATED",
        "{field}: the certificate is not accepted: {problem}.",
        "Ask an operator for a new token and enrol again.",
    ),
    Reason.ENROLMENT_REFUSED: Row(
        "PERMISSION_DENIED",
        "{field}: the enrolment token is not accepted.",
        "Ask for a new one: each enrols one id, once, until it expires.",
    ),
    Reason.ENROLMENT_BUSY: Row(
        "RESOURCE_EXHAUSTED",
        "{field}: {found} tokens that are not accepted came from this address within a minute.",
        "Try again after a pause, the status says of what length.",
    ),
    Reason.ENROLMENT_CLOSED: Row("FAILED_PRECONDITION", "{field}: this server enrols nobody: {problem}.", "{remedy}"),
    Reason.IDENTITY_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: there is no identity {name}.", "List the identities, or enrol it first."
    ),
    Reason.IDENTITY_EXISTS: Row(
        "ALREADY_EXISTS",
        "{field}: {name} has a certificate that is accepted until {found}.",
        "Renew that one, or revoke the identity first.",
    ),
    Reason.IDENTITY_MISSING: Row(
        "FAILED_PRECONDITION",
        "{field}: {found} is another machine, and no identity was given.",
        "Enrol with `slipway identity enrol` and name the folder with --identity or SLIPWAY_IDENTITY; "
        "--identity none sends in the clear.",
    ),
    Reason.IDENTITY_UNUSABLE: Row("FAILED_PRECONDITION", "{field}: {found} holds no identity: {problem}.", "{remedy}"),
    Reason.SERVER_NOT_TRUSTED: Row(
        "UNAUTHENTICATED",
        "{field}: {name} is not the server that the token was made by: {problem}.",
        "Nothing secret was sent. Check the address, and where the token comes from.",
    ),
    Reason.STREAM_SILENT: Row(
        "DEADLINE_EXCEEDED",
        "{field}: nothing came for {limit} seconds.",
        "Open the stream again and go on where the upload stands.",
    ),
    Reason.ROLLOUT_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: there is no rollout {name}.", "List the rollouts of the model."
    ),
    Reason.ROLLOUT_ENDED: Row(
        "FAILED_PRECONDITION", "{field}: {name} has ended: {problem}.", "Begin another rollout of the version."
    ),
    Reason.POLICY_NOT_FOUND: Row(
        "NOT_FOUND", "{field}: the model has no policy {name}.", "Set one first: it names the dataset to adapt to."
    ),
    Reason.DEVICE_NOT_FOUND: Row(
        "NOT_FOUND",
        "{field}: nothing was heard of {name}.",
        "List the devices; one is known once it has asked or told something.",
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
