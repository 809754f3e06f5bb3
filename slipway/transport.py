"""The one way to a server: the channel's settings, a deadline on every call, and what its errors become.

The client and the edge agent both stand on this file; nothing else in the light package reads a gRPC error.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc
from google.rpc import error_details_pb2, status_pb2
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from slipway.errors import DOMAIN

DEFAULT_ADDRESS = "127.0.0.1:8471"
CALL_DEADLINE_S = 20.0
PATIENCE_S = 60.0
MESSAGE_LIMIT_BYTES = 4 << 20
DETAILS_KEY = "grpc-status-details-bin"
# CANCELLED is what calls get when their own channel is closed.
AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
LOOPBACK = ("127.", "localhost:", "[::1]:", "unix:")
# The server accepts a ping every 20 s; a dead peer is noticed within 80 s, and an idle channel stays silent.
OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.enable_retries", 0),
)

T = TypeVar("T")


class ServerRefused(Exception):
    """The server answered, and the answer was no.

    Args:
        code: name of the gRPC status, e.g. ``"NOT_FOUND"``.
        reason: the server's machine-readable cause, e.g. ``"DATASET_UNKNOWN"``; empty where it gave none.
        message: what was refused, in words.
        remedy: what to do about it; empty where the server did not say.
    """

    def __init__(self, code: str, reason: str, message: str, remedy: str = "") -> None:
        self.code = code
        self.reason = reason
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}".strip())


class ServerUnreachable(Exception):
    """No answer came: nobody listens, the line broke, or the deadline passed. Trying again later is safe."""

    def __init__(self, address: str, problem: str) -> None:
        self.address = address
        self.message = f"No answer from the server at {address}: {problem}."
        self.remedy = (
            "Check that slipway-server runs there, or name another one with --server or SLIPWAY_SERVER. "
            "One that speaks TLS needs --identity."
        )
        super().__init__(f"{self.message} {self.remedy}")


def open_channel(address: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.Channel:
    """A channel to ``address`` ("host:port"), not encrypted without credentials. It connects at its first call."""
    options = [*OPTIONS, ("grpc.enable_http_proxy", 0)] if address.startswith(LOOPBACK) else list(OPTIONS)
    if credentials is None:
        return grpc.insecure_channel(address, options)
    return grpc.secure_channel(address, credentials, options)


def ask(method: Callable[..., T], request: object, address: str, deadline_s: float | None = CALL_DEADLINE_S) -> T:
    """Make one call with one answer. ``deadline_s`` None is for streams of requests, whose length nobody knows.

    Raises:
        ServerRefused: the server said no.
        ServerUnreachable: there was no answer within ``deadline_s``.
    """
    try:
        return method(request, timeout=deadline_s)
    except grpc.RpcError as error:
        raise translate(error, address) from error
    except ValueError as error:  # gRPC's word for a channel that was closed
        raise ServerUnreachable(address, "the connection was closed") from error


def read_stream(
    method: Callable[..., Iterable[T]], request: object, address: str, deadline_s: float | None = None
) -> Iterator[T]:
    """Yield what a server stream sends; errors as in ``ask``. Leaving early cancels the call."""
    call = None
    try:
        call = method(request, timeout=deadline_s)
        yield from call
    except grpc.RpcError as error:
        raise translate(error, address) from error
    except ValueError as error:
        raise ServerUnreachable(address, "the connection was closed") from error
    finally:
        if isinstance(call, grpc.Call):
            call.cancel()


def patiently(call: Callable[[], T], patience_s: float = PATIENCE_S, sleep: Callable[[float], None] = time.sleep) -> T:
    """Repeat ``call`` with growing, jittered pauses while the server is away, for ``patience_s`` at most.

    Raises:
        ServerUnreachable: of the last attempt.
    """
    return Retrying(
        retry=retry_if_exception_type(ServerUnreachable),
        wait=wait_random_exponential(multiplier=0.2, max=5.0),
        stop=stop_after_delay(patience_s),
        sleep=sleep,
        reraise=True,
    )(call)


def translate(error: grpc.RpcError, address: str) -> Exception:
    """The plain exception for a gRPC error."""
    code: grpc.StatusCode = error.code()
    if code in AWAY:
        return ServerUnreachable(address, str(error.details() or code.name).rpartition(": ")[2].rstrip("."))
    metadata: Any = error.trailing_metadata() or ()
    packed = dict(metadata).get(DETAILS_KEY)
    if packed is not None:
        return refusal_of(status_pb2.Status.FromString(packed), code.name)
    return ServerRefused(code.name, "", str(error.details() or "The server gave no reason."))


def refusal_of(status: status_pb2.Status, code: str) -> ServerRefused:
    """Read the ErrorInfo of a google.rpc.Status; the remedy travels in its metadata."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info) and info.domain == DOMAIN:
            return ServerRefused(code, info.reason, status.message, info.metadata.get("remedy", ""))
    return ServerRefused(code, "", status.message)
