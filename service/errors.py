"""The rim: what a refusal is on the wire. Reasons and words are in ``slipway.errors.CATALOGUE``."""

import logging
import uuid

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from slipway.errors import DOMAIN, Reason, Refused

log = logging.getLogger(__name__)

WORDS_LIMIT_BYTES = 600  # gRPC carries a status in trailing metadata of 8 kB, in which the words occur three times
FIELD_LIMIT_BYTES = 200


def to_status(refused: Refused) -> status_pb2.Status:
    """A google.rpc.Status with one ErrorInfo, and a BadRequest where a field is wrong (AIP-193).

    A refusal with the detail "retry_seconds" gets a RetryInfo as well.
    The remedy travels in the ErrorInfo's metadata under "remedy", the field under "field".
    """
    field, message = cut(refused.field, FIELD_LIMIT_BYTES), cut(refused.message, WORDS_LIMIT_BYTES)
    words = {"field": field, "remedy": cut(refused.remedy, WORDS_LIMIT_BYTES)}
    details = {key: cut(value, FIELD_LIMIT_BYTES) for key, value in refused.details.items() if key != "remedy"}
    info = error_details_pb2.ErrorInfo(reason=refused.reason, domain=DOMAIN, metadata={**details, **words})
    extra: list[Message] = [info]
    if refused.code == "INVALID_ARGUMENT":
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=field, description=cut(message, FIELD_LIMIT_BYTES), reason=refused.reason
        )
        extra.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if "retry_seconds" in refused.details:
        extra.append(error_details_pb2.RetryInfo(retry_delay=_duration(float(refused.details["retry_seconds"]))))
    code = code_pb2.Code.Value(refused.code)
    return status_pb2.Status(code=code, message=message, details=[_pack(each) for each in extra])


def internal(error: BaseException, where: str) -> Refused:
    """The refusal that stands for a bug. What it was stays in the log, under the id that the caller gets."""
    error_id = uuid.uuid4().hex[:12]
    log.error("error %s in %s", error_id, where, exc_info=error)
    return Refused(Reason.INTERNAL, field=where, error_id=error_id)


def cut(text: str, limit_bytes: int) -> str:
    """``text`` in at most ``limit_bytes`` bytes of UTF-8."""
    return text.encode(errors="replace")[:limit_bytes].decode(errors="ignore")


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def _pack(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
