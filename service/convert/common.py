"""What every conversion needs: fields that must be there, texts that fit, times, request ids."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from service import names
from service.catalogue.requests import RequestKey
from service.domain import Failure
from service.names import uuid_text
from slipway.errors import Reason, Refused

TEXT_LIMIT_CHARS = 200
SEED_LIMIT = 2**31 - 1


def timestamp(time_us: int) -> Timestamp:
    """Microseconds as a protobuf time."""
    stamp = Timestamp()
    stamp.FromMicroseconds(time_us)
    return stamp


def need(message: Message, part: str, field: str) -> None:
    """Refuse a message without ``part``.

    Raises:
        Refused: FIELD_REQUIRED.
    """
    if not message.HasField(part):
        raise Refused(Reason.FIELD_REQUIRED, field=field)


def text(value: str, field: str, required: bool = False, limit: int = TEXT_LIMIT_CHARS) -> str:
    """``value``, if it is there where it must be and not too long.

    Raises:
        Refused: FIELD_REQUIRED or LIMIT_EXCEEDED.
    """
    if required and not value:
        raise Refused(Reason.FIELD_REQUIRED, field=field)
    if len(value) > limit:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=f"{len(value)} characters", limit=limit)
    return value


def whole(value: int, field: str, limit: int) -> int:
    """``value``, if it lies between 0 and ``limit``.

    Raises:
        Refused: FIELD_INVALID.
    """
    if not 0 <= value <= limit:
        problem, remedy = f"needs 0 to {limit}", "Send a number in this range."
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=value, remedy=remedy)
    return value


def version_named(name: str, field: str) -> str:
    """The resource name of a version, if ``name`` is one.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID.
    """
    return names.version_name(*names.version_key(name, field))


def dataset_named(name: str, field: str) -> str:
    """The resource name of a dataset, if ``name`` is one.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID.
    """
    return "datasets/" + names.dataset_id(name, field)


def refusal(failure: Failure) -> Refused:
    """The refusal that a failed job, or a refused device, keeps."""
    return Refused(Reason(failure.reason), field=failure.field, **failure.details)


def unknown_number(field: str, number: int, known: list[str]) -> Refused:
    """The refusal of an enum's number that has no name."""
    words = {"problem": f"needs one of {', '.join(known)}", "found": number, "remedy": "Send one of these."}
    return Refused(Reason.FIELD_INVALID, field=field, **words)


def request_key(request: Message, request_id: str, required: bool = False) -> RequestKey:
    """What makes ``request`` the same as another one: its id and its content.

    Raises:
        Refused: FIELD_REQUIRED or FIELD_INVALID.
    """
    if not request_id and not required:
        return RequestKey("", "")
    content = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
    return RequestKey(uuid_text(request_id, "request_id"), hashlib.sha256(content).hexdigest())


@contextmanager
def within(field: str) -> Iterator[None]:
    """Put ``field.`` before the field of a refusal, for checks that do not know where in a request they stand."""
    try:
        yield
    except Refused as refused:
        raise Refused(refused.reason, field=f"{field}.{refused.field}", **refused.details) from None
