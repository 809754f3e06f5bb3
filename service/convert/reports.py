"""What devices tell of their model, and what is known of them."""

from service.catalogue.devices import Device
from service.catalogue.intake import Key, Told
from service.catalogue.reports import Report
from service.convert.common import timestamp, whole
from service.names import rollout_key, version_key, version_name
from service.rollout.health import COUNT_LIMIT, Health
from slipway.errors import Reason, Refused
from slipway.spec import check_name
from slipway.v1 import rollouts_pb2, updates_pb2

SEQUENCE_LIMIT = 2**63 - 1
DRIFT_LIMIT = 1e9
FIELDS = {  # of a Health, by what the API calls them
    "windows": "window_count",
    "feedback": "feedback_count",
    "right": "right_count",
    "right_before": "right_count_before",
    "failures": "failure_count",
    "latency_s": "latency_seconds",
    "latency_before_s": "latency_seconds_before",
}


def told_from(request: updates_pb2.ReportHealthRequest, now_us: int) -> Told:
    """Read a device's report on how its model does.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    device_id = check_name(request.device_id, "device_id")
    model_id, number = version_key(request.version, "version")
    if request.sequence < 1:
        words = {"problem": "needs 1 or more", "found": request.sequence, "remedy": "Count reports from 1."}
        raise Refused(Reason.FIELD_INVALID, field="sequence", **words)
    rollout, health = _comparison_from(request, device_id)
    return Told(
        device_id=device_id,
        model_id=model_id,
        number=number,
        sequence=request.sequence,
        window_count=whole(request.window_count, "window_count", COUNT_LIMIT),
        drift=_drift_from(request.drift) if request.HasField("drift") else None,
        rollout=rollout,
        health=health,
        time_us=now_us,
    )


def device_to(device: Device, history: tuple[Report, ...] = ()) -> rollouts_pb2.Device:
    """Write a device; ``history`` oldest first."""
    known = device.model_id is not None and device.number is not None
    message = rollouts_pb2.Device(
        name=f"devices/{device.id}",
        version=version_name(str(device.model_id), int(device.number or 0)) if known else "",
        drift=device.drift,
        window_count=device.window_count,
        history=[_event_to(each) for each in history],
    )
    if device.report_us is not None:
        message.report_time.CopyFrom(timestamp(device.report_us))
    return message


def _drift_from(drift: float) -> float:
    if not 0 <= drift <= DRIFT_LIMIT:  # NaN too
        words = {
            "problem": f"needs 0 to {DRIFT_LIMIT:g}",
            "found": drift,
            "remedy": "Leave it out where it is unknown.",
        }
        raise Refused(Reason.FIELD_INVALID, field="drift", **words)
    return drift


def _comparison_from(request: updates_pb2.ReportHealthRequest, device_id: str) -> tuple[Key | None, Health | None]:
    """The rollout and what is said of it; nothing where no window was compared."""
    if not request.HasField("comparison"):
        return None, None
    said = request.comparison
    key = rollout_key(said.rollout, "comparison.rollout")
    if said.window_count == 0 and said.failure_count == 0:
        return key, None
    try:
        return key, Health(
            device_id=device_id,
            windows=said.window_count,
            confidence=said.confidence,
            confidence_before=said.confidence_before,
            feedback=said.feedback_count,
            right=said.right_count,
            right_before=said.right_count_before,
            failures=said.failure_count,
            latency_s=said.latency_seconds,
            latency_before_s=said.latency_seconds_before,
        )
    except Refused as refused:
        own = refused.field.removeprefix("health.")
        field = f"comparison.{FIELDS.get(own, own)}"
        raise Refused(refused.reason, field=field, **refused.details) from None


def _event_to(report: Report) -> rollouts_pb2.DeviceEvent:
    return rollouts_pb2.DeviceEvent(
        time=timestamp(report.time_us),
        version=version_name(report.model_id, report.number),
        state=report.state,
        reason=report.reason,
        message=report.message,
    )
