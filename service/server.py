"""Puts the server together, runs it and stops it in good order. Never imports JAX."""

import asyncio
import logging
import resource
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from service.blobs import Blobs, open_blobs
from service.catalogue import jobs, migrate, requests, rollouts
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.config import Config
from service.folder import announced, only_server
from service.identity.interceptor import AccessInterceptor, PatienceInterceptor
from service.identity.lines import Listening, enrolment_address, is_loopback, speaks_tls
from service.inference.engine import Engine
from service.inference.limits import limits
from service.inference.servicer import SERVICE as INFERENCE
from service.inference.servicer import Inference
from service.inference.stubs import grpc_service_pb2_grpc
from service.interceptor import ErrorInterceptor
from service.logs import write_logs
from service.loop.run import close_loop
from service.reflection import add_reflection
from service.servicers.datasets import Datasets
from service.servicers.identities import SERVICE as IDENTITIES
from service.servicers.identities import Identities, add_enrolment
from service.servicers.jobs import Jobs
from service.servicers.models import Models
from service.servicers.rollouts import SERVICE as ROLLOUTS
from service.servicers.rollouts import Rollouts
from service.servicers.updates import Updates
from service.supervisor import supervise
from service.trust.keep import keep_trust
from service.uploads import Uploads
from service.watch import Watch
from slipway.errors import Reason, Refused
from slipway.v1 import (
    datasets_pb2_grpc,
    identities_pb2_grpc,
    jobs_pb2_grpc,
    models_pb2_grpc,
    rollouts_pb2_grpc,
    updates_pb2_grpc,
)

log = logging.getLogger(__name__)

SERVICES = (
    *("slipway.v1.Datasets", "slipway.v1.Jobs", "slipway.v1.Models", "slipway.v1.Updates"),
    *(ROLLOUTS, IDENTITIES, INFERENCE),
)
QUIET = (f"/{INFERENCE}/ModelInfer", "/slipway.v1.Updates/ReportHealth")
REQUEST_MEMORY_US = 7 * 86_400 * 1_000_000  # a request_id is known for a week
SWEEP_SECONDS = 3600.0
THREADS = 32
DOOR_CALL_LIMIT = 64
UPDATE_ROOT = "updates/metadata/1.root.json"  # in the data folder, where updates are signed
DOOR_OPTIONS = {"grpc.max_receive_message_length": 64 << 10, "grpc.max_connection_idle_ms": 30_000}


@dataclass(frozen=True)
class House:
    """The parts of a running server."""

    config: Config
    catalogue: Catalogue
    blobs: Blobs
    uploads: Uploads
    job_watch: Watch[str, int]
    channel_watch: Watch[tuple[str, str], tuple[int, int]]
    inference: Inference
    health: health.aio.HealthServicer
    identities: Identities
    security: Any  # service.identity.security.Security; None on a server that speaks in the clear


def run(config: Config, announce: Callable[[Listening], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: the settings.
        announce: called with the addresses once the server answers; prints them by default.

    Raises:
        Refused: DATA_FOLDER_BUSY, DATA_FOLDER_NEWER, ADDRESS_UNUSABLE, or FIELD_INVALID for a setting.
    """
    write_logs()
    _take_every_file()
    asyncio.run(serve(config, announce or _print_addresses))


async def serve(config: Config, announce: Callable[[Listening], None]) -> None:
    """Serve until SIGTERM or SIGINT; see ``run``."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "call"))
    with only_server(config.data_folder):
        house = open_house(config)
        server, door = build(house), build_door(house)
        listening = _listen_all(house, server, door)
        await server.start()
        await door.start()
        async with _background(house):
            with announced(config.data_folder, listening.to_json()):
                announce(listening)
                await stop.wait()
                await asyncio.gather(_drain(house, server), door.stop(config.drain_seconds))
        house.catalogue.close()


def open_house(config: Config) -> House:
    """Open the catalogue and the blobs, and sweep up what earlier servers left."""
    catalogue = Catalogue(database_url(config.database_url, config.data_folder))
    migrate.bring_up_to_date(catalogue)
    catalogue.write(requests.forget, now_us() - REQUEST_MEMORY_US)
    blobs = open_blobs(config.blob_url, config.data_folder)
    uploads = Uploads(catalogue, blobs, config)
    uploads.sweep()
    _sweep_job_folders(config.data_folder / "jobs", catalogue)
    security = _open_security(config, catalogue)
    return House(
        config=config,
        catalogue=catalogue,
        blobs=blobs,
        uploads=uploads,
        job_watch=Watch(lambda ids: catalogue.read(jobs.revisions, ids), config.poll_seconds, absent=0),
        channel_watch=Watch(lambda keys: catalogue.read(rollouts.hints, keys), config.poll_seconds, absent=(0, 0)),
        inference=Inference(Engine(catalogue, blobs, limits(config))),
        health=health.aio.HealthServicer(),
        identities=Identities(catalogue, security, config.data_folder / UPDATE_ROOT),
        security=security,
    )


def build(house: House) -> grpc.aio.Server:
    """A server with every service, not yet listening."""
    config, catalogue, blobs = house.config, house.catalogue, house.blobs
    server = grpc.aio.server(
        interceptors=(ErrorInterceptor(quiet=QUIET), *_guards(house), PatienceInterceptor(config.silence_seconds)),
        options=_options(config),
        maximum_concurrent_rpcs=config.call_limit,
    )
    datasets_pb2_grpc.add_DatasetsServicer_to_server(Datasets(catalogue, blobs, house.uploads, config), server)
    jobs_pb2_grpc.add_JobsServicer_to_server(Jobs(catalogue, house.job_watch), server)
    models_pb2_grpc.add_ModelsServicer_to_server(Models(catalogue, blobs, config), server)
    updates_pb2_grpc.add_UpdatesServicer_to_server(Updates(catalogue, blobs, house.channel_watch, config), server)
    rollouts_pb2_grpc.add_RolloutsServicer_to_server(Rollouts(catalogue), server)
    grpc_service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(house.inference, server)
    identities_pb2_grpc.add_IdentitiesServicer_to_server(house.identities, server)
    health_pb2_grpc.add_HealthServicer_to_server(house.health, server)
    add_reflection(server, (*SERVICES, health.SERVICE_NAME))
    return server


def build_door(house: House) -> grpc.aio.Server:
    """A server for those who have no certificate yet: they enrol, and can do nothing else. Not yet listening."""
    door = grpc.aio.server(
        interceptors=(ErrorInterceptor(),),
        options=list({**dict(_options(house.config)), **DOOR_OPTIONS}.items()),
        maximum_concurrent_rpcs=DOOR_CALL_LIMIT,
    )
    add_enrolment(house.identities, door)
    health_pb2_grpc.add_HealthServicer_to_server(house.health, door)
    return door


def _guards(house: House) -> list[grpc.aio.ServerInterceptor]:
    return [] if house.security is None else [AccessInterceptor(house.security.keeper, house.security.keeper.targets)]


def _open_security(config: Config, catalogue: Catalogue) -> Any:
    if speaks_tls(config):
        from service.identity.security import open_security

        return open_security(config, catalogue)
    if not is_loopback(config.address):
        log.warning("everybody who reaches %s may do everything: tls is never", config.address)
    return None


def _options(config: Config) -> list[tuple[str, int]]:
    return [
        ("grpc.server_handshake_timeout_ms", round(1e3 * config.handshake_seconds)),
        ("grpc.server.max_pending_requests", config.call_limit),  # else gRPC cancels by chance beyond 1,000
        ("grpc.server.max_pending_requests_hard_limit", config.call_limit),
        ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server on it
        ("grpc.max_receive_message_length", config.message_limit_bytes),
        ("grpc.keepalive_time_ms", 60_000),  # notices clients that vanished
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),  # clients ask every 60 s
        ("grpc.http2.max_ping_strikes", 5),
    ]


def _listen_all(house: House, server: grpc.aio.Server, door: grpc.aio.Server) -> Listening:
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


@asynccontextmanager
async def _background(house: House) -> AsyncIterator[None]:
    """What goes on beside the calls; workers come last, for they keep the processor busy for seconds."""
    for name in ("", *SERVICES):
        await house.health.set(name, health_pb2.HealthCheckResponse.SERVING)
    work = (
        house.job_watch.run(),
        house.channel_watch.run(),
        _sweep(house),
        close_loop(house.catalogue, house.config.loop_seconds),
        keep_trust(house.config),
        supervise(house.catalogue, house.config),
    )
    keepers = () if house.security is None else (house.security.keeper.run(),)
    tasks = [asyncio.create_task(each) for each in (*work, *keepers)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def _drain(house: House, server: grpc.aio.Server) -> None:
    """Say that no more calls are taken, send the watchers away, let the other calls end."""
    log.info("stopping")
    await house.health.enter_graceful_shutdown()
    house.job_watch.close()
    house.channel_watch.close()
    house.inference.close()
    await server.stop(house.config.drain_seconds)


async def _sweep(house: House) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await asyncio.to_thread(house.uploads.sweep)
        except Exception:
            log.exception("cannot sweep up old uploads")


def _sweep_job_folders(folder: Path, catalogue: Catalogue) -> None:
    """Remove the folders of jobs that have ended while nobody was there to do it."""
    under_way = catalogue.read(jobs.under_way)
    for each in folder.glob("*"):
        if each.name not in under_way:
            shutil.rmtree(each, ignore_errors=True)


def _take_every_file() -> None:
    """Each connection is an open file: a fleet needs more than the usual soft limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print_addresses(listening: Listening) -> None:
    print(listening.words(), flush=True)
