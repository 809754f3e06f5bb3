"""Puts the server together, runs it and stops it in good order. Never imports JAX."""

import asyncio
import logging
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from service.blobs import Blobs, open_blobs
from service.catalogue import channels, jobs, migrate, requests
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.config import Config
from service.folder import announced, only_server
from service.inference.engine import Engine
from service.inference.limits import limits
from service.inference.servicer import SERVICE as INFERENCE
from service.inference.servicer import Inference
from service.inference.stubs import grpc_service_pb2_grpc
from service.interceptor import ErrorInterceptor
from service.logs import write_logs
from service.reflection import add_reflection
from service.servicers.datasets import Datasets
from service.servicers.jobs import Jobs
from service.servicers.models import Models
from service.servicers.updates import Updates
from service.supervisor import supervise
from service.uploads import Uploads
from service.watch import Watch
from slipway.errors import Reason, Refused
from slipway.v1 import datasets_pb2_grpc, jobs_pb2_grpc, models_pb2_grpc, updates_pb2_grpc

log = logging.getLogger(__name__)

SERVICES = ("slipway.v1.Datasets", "slipway.v1.Jobs", "slipway.v1.Models", "slipway.v1.Updates", INFERENCE)
QUIET = (f"/{INFERENCE}/ModelInfer",)
REQUEST_MEMORY_US = 7 * 86_400 * 1_000_000  # a request_id is known for a week
SWEEP_SECONDS = 3600.0
THREADS = 32


@dataclass(frozen=True)
class House:
    """The parts of a running server."""

    config: Config
    catalogue: Catalogue
    blobs: Blobs
    uploads: Uploads
    job_watch: Watch[str]
    channel_watch: Watch[tuple[str, str]]
    inference: Inference
    health: health.aio.HealthServicer


def run(config: Config, announce: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: the settings.
        announce: called with the address once the server answers; prints it by default.

    Raises:
        Refused: DATA_FOLDER_BUSY, DATA_FOLDER_NEWER or ADDRESS_UNUSABLE.
    """
    write_logs()
    asyncio.run(serve(config, announce or _print_address))


async def serve(config: Config, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; see ``run``."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "call"))
    with only_server(config.data_folder):
        house = open_house(config)
        server = build(house)
        address = _listen(server, config.address)
        await server.start()
        async with _background(house):
            with announced(config.data_folder, address):
                announce(address)
                await stop.wait()
                await _drain(house, server)
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
    return House(
        config=config,
        catalogue=catalogue,
        blobs=blobs,
        uploads=uploads,
        job_watch=Watch(lambda ids: catalogue.read(jobs.revisions, ids), config.poll_seconds),
        channel_watch=Watch(lambda keys: catalogue.read(channels.serials, keys), config.poll_seconds),
        inference=Inference(Engine(catalogue, blobs, limits(config))),
        health=health.aio.HealthServicer(),
    )


def build(house: House) -> grpc.aio.Server:
    """A server with every service, not yet listening."""
    config, catalogue, blobs = house.config, house.catalogue, house.blobs
    server = grpc.aio.server(
        interceptors=(ErrorInterceptor(quiet=QUIET),),
        options=_options(config),
        maximum_concurrent_rpcs=config.call_limit,
    )
    datasets_pb2_grpc.add_DatasetsServicer_to_server(Datasets(catalogue, blobs, house.uploads, config), server)
    jobs_pb2_grpc.add_JobsServicer_to_server(Jobs(catalogue, house.job_watch), server)
    models_pb2_grpc.add_ModelsServicer_to_server(Models(catalogue, blobs, config), server)
    updates_pb2_grpc.add_UpdatesServicer_to_server(Updates(catalogue, blobs, house.channel_watch, config), server)
    grpc_service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(house.inference, server)
    health_pb2_grpc.add_HealthServicer_to_server(house.health, server)
    add_reflection(server, (*SERVICES, health.SERVICE_NAME))
    return server


def _options(config: Config) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server on it
        ("grpc.max_receive_message_length", config.message_limit_bytes),
        ("grpc.keepalive_time_ms", 60_000),  # notices clients that vanished
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),  # clients ask every 60 s
        ("grpc.http2.max_ping_strikes", 5),
    ]


def _listen(server: grpc.aio.Server, address: str) -> str:
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        raise Refused(Reason.ADDRESS_UNUSABLE, field="address", found=address)
    return f"{address.rpartition(':')[0]}:{port}"


@asynccontextmanager
async def _background(house: House) -> AsyncIterator[None]:
    """What goes on beside the calls; workers come last, for they keep the processor busy for seconds."""
    for name in ("", *SERVICES):
        await house.health.set(name, health_pb2.HealthCheckResponse.SERVING)
    work = (house.job_watch.run(), house.channel_watch.run(), _sweep(house), supervise(house.catalogue, house.config))
    tasks = [asyncio.create_task(each) for each in work]
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


def _print_address(address: str) -> None:
    print(f"slipway-server listens on {address}", flush=True)
