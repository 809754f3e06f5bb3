"""Where a server listens, and what it bears from a connection."""

from collections.abc import Callable

import grpc

from service.config import Config
from service.house import House
from service.identity.lines import Listening, enrolment_address
from slipway.errors import Reason, Refused

Options = list[tuple[str, int]]


def options(config: Config) -> Options:
    """Settings of gRPC for the port where everything is answered.

    A call is pending from its first byte until the event loop gets to it. From 1,000 pending ones on gRPC refuses some
    by chance, and from 3,000 on all, unless it is told otherwise: a fleet that comes back at once is as many.
    """
    return [
        ("grpc.server_handshake_timeout_ms", round(1e3 * config.handshake_seconds)),
        ("grpc.server.max_pending_requests", config.call_limit),
        ("grpc.server.max_pending_requests_hard_limit", config.call_limit),
        ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server on it
        ("grpc.max_receive_message_length", config.message_limit_bytes),
        ("grpc.keepalive_time_ms", 60_000),  # notices clients that vanished
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),  # clients ask every 60 s
        ("grpc.http2.max_ping_strikes", 5),
    ]


def door_options(config: Config) -> Options:
    """The same for the port of those who have no certificate yet."""
    own = {"grpc.max_receive_message_length": 64 << 10, "grpc.max_connection_idle_ms": 30_000}
    return list({**dict(options(config)), **own}.items())


def listen(house: House, server: grpc.aio.Server, door: grpc.aio.Server) -> Listening:
    """Give ``server`` its port, and ``door`` one where somebody may need it.

    Raises:
        Refused: ADDRESS_UNUSABLE.
    """
    config, security = house.config, house.security
    if security is None:
        return Listening(_listen(config.address, server.add_insecure_port))
    address = _listen(config.address, lambda place: server.add_secure_port(place, security.credentials()))
    if security.authority is None:
        return Listening(address)
    beside = enrolment_address(config, int(address.rpartition(":")[2]))
    credentials = security.enrolment_credentials()
    enrolment = _listen(beside, lambda place: door.add_secure_port(place, credentials), "enrolment_address")
    return Listening(address, enrolment, security.admin_folder)


def _listen(address: str, add: Callable[[str], int], field: str = "address") -> str:
    try:
        port = add(address)
    except RuntimeError:
        port = 0
    if not port:
        raise Refused(Reason.ADDRESS_UNUSABLE, field=field, found=address)
    return f"{address.rpartition(':')[0]}:{port}"
