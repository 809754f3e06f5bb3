"""Every call is allowed or refused here, before anything in it is looked at; an upload that falls silent is ended."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import nullcontext
from typing import Any, TypeAlias

import grpc

from service.identity.doorkeeper import Doorkeeper
from service.identity.rules import RULES, Rule, admit, check_role
from service.identity.values import CALLER, Caller
from service.interceptor import kind_of
from slipway.errors import Reason, Refused

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Details: TypeAlias = grpc.HandlerCallDetails
Targets: TypeAlias = Callable[[], Collection[str]]


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Guards the four kinds of calls alike.

    Args:
        keeper: tells who calls.
        targets: ids of the datasets that policies gather in: machines may write to them.
    """

    def __init__(self, keeper: Doorkeeper, targets: Targets = frozenset) -> None:
        self._keeper = keeper
        self._targets = targets

    async def intercept_service(
        self, continuation: Callable[[Details], Awaitable[Handler]], handler_call_details: Details
    ) -> Handler:
        """Return the handler of the call, guarded."""
        method = str(handler_call_details.method)
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        return _guarded(handler, method.rpartition("/")[2], RULES.get(method), self._keeper, self._targets)


class PatienceInterceptor(grpc.aio.ServerInterceptor):
    """Ends uploads that say nothing.

    Args:
        seconds: how long the next message of a stream that gets one answer may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def intercept_service(
        self, continuation: Callable[[Details], Awaitable[Handler]], handler_call_details: Details
    ) -> Handler:
        """Return the handler of the call, with limited patience where it takes a stream and answers once."""
        handler: Any = await continuation(handler_call_details)
        if handler is None or handler.response_streaming or not handler.request_streaming:
            return handler  # type: ignore[no-any-return]
        behaviour = handler.stream_unary

        async def call(requests: AsyncIterator[Any], context: Any) -> Any:
            return await behaviour(_patient(requests, self._seconds), context)

        return _remade(handler, call)


def _guarded(handler: Any, field: str, rule: Rule | None, keeper: Doorkeeper, targets: Targets) -> Handler:
    behaviour = getattr(handler, kind_of(handler)[0])
    streams = handler.request_streaming or handler.response_streaming

    def check(caller: Caller, request: Any) -> bool:
        return admit(rule, caller, request, targets, field)

    async def enter(request: Any, context: Any) -> tuple[Caller, Any, bool]:
        caller = await keeper.caller(context)
        check_role(rule, caller, field)
        CALLER.set(caller)
        if handler.request_streaming:
            return caller, _checked(request, lambda first: check(caller, first)), True
        return caller, request, check(caller, request)

    async def coroutine(request: Any, context: Any) -> Any:
        caller, request, visible = await enter(request, context)
        async with keeper.lasting(caller) if streams else nullcontext():
            answer = await behaviour(request, context)
        return answer if visible else _blank(answer)

    async def generator(request: Any, context: Any) -> AsyncIterator[Any]:
        caller, request, _ = await enter(request, context)
        async with keeper.lasting(caller):
            async for answer in behaviour(request, context):
                yield answer

    return _remade(handler, generator if inspect.isasyncgenfunction(inspect.unwrap(behaviour)) else coroutine)


def _blank(answer: Any) -> Any:
    """No more than the name, for those who may write but not read."""
    return type(answer)(name=answer.name)


def _remade(handler: Any, behaviour: Callable[..., Any]) -> Handler:
    return kind_of(handler)[1](
        behaviour,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


async def _checked(requests: AsyncIterator[Any], check: Callable[[Any], bool]) -> AsyncIterator[Any]:
    """The stream, whose first message says what it is about."""
    passed = False
    async for request in requests:
        passed = passed or check(request) is not None
        yield request


async def _patient(requests: AsyncIterator[Any], seconds: float) -> AsyncIterator[Any]:
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
