"""The rim: what a refusal is on the wire. A refusal of the server goes to the device as it came."""

import asyncio
import functools
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2

from slipway.errors import DOMAIN, Reason, Refused
from slipway.transport import DETAILS_KEY

T = TypeVar("T")
WORDS_LIMIT_CHARS = 500
DETAILS_LIMIT_BYTES = 6 << 10  # gRPC carries a status in trailing metadata of 8 kB

log = logging.getLogger(__name__)


def answering(method: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """Wraps a call with one answer."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Any) -> T:
        try:
            return await method(self, request, context)
        except Exception as error:
            await _end(error, method.__name__, context)

    return call


def streaming(method: Callable[..., AsyncIterator[T]]) -> Callable[..., AsyncIterator[T]]:
    """Wraps a call that answers with a stream."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Any) -> AsyncIterator[T]:
        try:
            async for answer in method(self, request, context):
                yield answer
        except Exception as error:
            await _end(error, method.__name__, context)

    return call


async def patient(requests: AsyncIterator[T], seconds: float) -> AsyncIterator[T]:
    """The messages of a stream, as long as none takes more than ``seconds``.

    Raises:
        Refused: STREAM_SILENT.
    """
    messages = aiter(requests)
    while True:
        try:
            async with asyncio.timeout(seconds):
                message = await anext(messages)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refused(Reason.STREAM_SILENT, field="stream", limit=f"{seconds:g}") from None
        yield message


def packed(refused: Refused) -> status_pb2.Status:
    """A google.rpc.Status with one ErrorInfo (AIP-193)."""
    words = {"field": refused.field, "remedy": refused.remedy}
    metadata = {key: value[:WORDS_LIMIT_CHARS] for key, value in words.items()}
    info = error_details_pb2.ErrorInfo(reason=refused.reason, domain=DOMAIN, metadata=metadata)
    detail = AnyMessage()
    detail.Pack(info)
    code = code_pb2.Code.Value(refused.code)
    return status_pb2.Status(code=code, message=refused.message[:WORDS_LIMIT_CHARS], details=[detail])


async def _end(error: Exception, where: str, context: Any) -> NoReturn:
    if isinstance(error, grpc.aio.AioRpcError):
        details = dict(error.trailing_metadata() or ()).get(DETAILS_KEY, b"")
        trailing = ((DETAILS_KEY, details),) if 0 < len(details) <= DETAILS_LIMIT_BYTES else ()
        await context.abort(error.code(), str(error.details() or "")[:WORDS_LIMIT_CHARS], trailing)
    if not isinstance(error, Refused):
        if isinstance(error, grpc.aio.AbortError):
            raise error
        error_id = uuid.uuid4().hex[:12]
        log.error("error %s in %s", error_id, where, exc_info=error)
        error = Refused(Reason.INTERNAL, field=where, error_id=error_id)
    status = packed(error)
    code = grpc.StatusCode[error.code]
    await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))
    raise AssertionError("abort raises")
