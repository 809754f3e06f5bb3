"""Every call passes here: refusals become statuses, bugs an id and a line in the log; every call is logged."""

import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, TypeAlias

import grpc
from grpc_status import rpc_status

from service.errors import internal, to_status
from slipway.errors import Refused

log = logging.getLogger("service.calls")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Details: TypeAlias = grpc.HandlerCallDetails


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the four kinds of calls alike.

    Args:
        quiet: methods so frequent that only what goes wrong with them is logged, and not that a caller left; what they
            answer is counted elsewhere.
    """

    def __init__(self, quiet: Collection[str] = ()) -> None:
        self._quiet = frozenset(quiet)
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self, continuation: Callable[[Details], Awaitable[Handler]], handler_call_details: Details
    ) -> Handler:
        """Return the handler of the call, wrapped."""
        method = str(handler_call_details.method)
        if method in self._wrapped:
            return self._wrapped[method]
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        kind, make = kind_of(handler)
        behaviour = getattr(handler, kind)
        wrap = _wrap_generator if inspect.isasyncgenfunction(inspect.unwrap(behaviour)) else _wrap_coroutine
        self._wrapped[method] = make(
            wrap(behaviour, method, logging.DEBUG if method in self._quiet else logging.INFO),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return self._wrapped[method]


def kind_of(handler: Any) -> tuple[str, Callable[..., Handler]]:
    """The name of the handler's behaviour, and what makes such a handler."""
    makers: dict[tuple[bool, bool], tuple[str, Callable[..., Handler]]] = {
        (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
        (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
        (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
        (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
    }
    return makers[bool(handler.request_streaming), bool(handler.response_streaming)]


def _wrap_coroutine(behaviour: Callable[..., Any], method: str, level: int) -> Callable[..., Any]:
    async def call(request: Any, context: Any) -> Any:
        start = time.monotonic()
        try:
            answer = await behaviour(request, context)
            _note(method, "OK", start, level)
            return answer
        except BaseException as error:
            await _end(error, method, start, context, level)
            raise

    return call


def _wrap_generator(behaviour: Callable[..., Any], method: str, level: int) -> Callable[..., Any]:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        start = time.monotonic()
        try:
            async for answer in behaviour(request, context):
                yield answer
            _note(method, "OK", start, level)
        except BaseException as error:
            await _end(error, method, start, context, level)
            raise

    return call


async def _end(error: BaseException, method: str, start: float, context: Any, level: int) -> None:
    """End the call with a status, unless it has ended already: aborted by its handler or left by its caller."""
    if not isinstance(error, Exception) or isinstance(error, grpc.aio.AbortError):
        _note(method, type(error).__name__, start, level)
        return
    refused = error if isinstance(error, Refused) else internal(error, method)
    _note(method, f"{refused.code} {refused.reason}", start)
    await context.abort_with_status(rpc_status.to_status(to_status(refused)))


def _note(method: str, outcome: str, start: float, level: int = logging.INFO) -> None:
    log.log(level, "%s %s %.1f ms", method, outcome, 1e3 * (time.monotonic() - start))
