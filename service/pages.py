"""Lists in pages (AIP-158): the token names the list it belongs to and the last key it gave out."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from slipway.errors import Reason, Refused

DEFAULT_SIZE = 50
SIZE_LIMIT = 1000
SIZE_LIMIT_BYTES = 2 << 20
TOKEN_LIMIT_CHARS = 512
NUMBER = re.compile(r"[0-9]{1,9}")

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def size(asked: int) -> int:
    """How many rows a page has when ``asked`` were asked for.

    Raises:
        Refused: FIELD_INVALID, if negative.
    """
    if asked < 0:
        remedy = f"Ask for 1 to {SIZE_LIMIT} rows, or 0 for {DEFAULT_SIZE}."
        raise Refused(Reason.FIELD_INVALID, field="page_size", problem="needs 0 or more", found=asked, remedy=remedy)
    return min(asked or DEFAULT_SIZE, SIZE_LIMIT)


def after(token: str, scope: str) -> str | None:
    """The key that the page begins after, or ``None`` for the first page of the list ``scope``.

    Raises:
        Refused: PAGE_TOKEN_INVALID, also for a token of another list.
    """
    if not token:
        return None
    try:
        found_scope, key = json.loads(base64.urlsafe_b64decode(token[: TOKEN_LIMIT_CHARS + 1]))
    except (ValueError, TypeError):
        found_scope, key = None, None
    if len(token) > TOKEN_LIMIT_CHARS or found_scope != scope or not isinstance(key, str):
        raise Refused(Reason.PAGE_TOKEN_INVALID, field="page_token", found=repr(token))
    return key


def after_number(token: str, scope: str) -> int | None:
    """As ``after``, for a list whose keys are numbers.

    Raises:
        Refused: PAGE_TOKEN_INVALID.
    """
    key = after(token, scope)
    if key is not None and not NUMBER.fullmatch(key):
        raise Refused(Reason.PAGE_TOKEN_INVALID, field="page_token", found=repr(token))
    return None if key is None else int(key)


def page(
    rows: Sequence[T], limit: int, scope: str, key: Callable[[T], str], write: Callable[[T], M]
) -> tuple[list[M], str]:
    """Write ``rows``, of which one more than ``limit`` was fetched, as one page; return it and the token of the next.

    A page ends early where it would outgrow a gRPC message.
    """
    messages: list[M] = []
    size_bytes = 0
    for row in rows[:limit]:
        message = write(row)
        size_bytes += message.ByteSize()
        if messages and size_bytes > SIZE_LIMIT_BYTES:
            break
        messages.append(message)
    if len(messages) == len(rows):
        return messages, ""
    last = key(rows[len(messages) - 1])
    return messages, base64.urlsafe_b64encode(json.dumps([scope, last]).encode()).decode()
