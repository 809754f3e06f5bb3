"""Puts the services together, runs the server and stops it in good order. Never imports JAX."""

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from service.config import Config
from service.folder import announced, only_server
from service.house import House, open_house, sweep
from service.identity.interceptor import AccessInterceptor, PatienceInterceptor
from service.identity.lines import Listening
from service.inference.servicer import SERVICE as INFERENCE
from service.inference.stubs import grpc_service_pb2_grpc
from service.interceptor import ErrorInterceptor
from service.listening import door_options, listen, options
from service.logs import write_logs
from service.loop.run import close_loop
from service.reflection import add_reflection
from service.registration import ByName
from service.servicers.datasets import Datasets
from service.servicers.identities import SERVICE as IDENTITIES
from service.servicers.identities import add_enrolment
from service.servicers.jobs import Jobs
from service.servicers.models import Models
from service.servicers.rollouts import SERVICE as ROLLOUTS
from service.servicers.rollouts import Rollouts
from service.servicers.updates import Updates
from service.supervisor import supervise
from service.trust.keep import keep_trust
from service.trust.signed import signed_by
from slipway.v1 import (
    datasets_pb2_grpc,
    identities_pb2_grpc,
    jobs_pb2_grpc,
    models_pb2_grpc,
    rollouts_pb2_grpc,
    updates_pb2_grpc,
)

SERVICES = (
    *("slipway.v1.Datasets", "slipway.v1.Jobs", "slipway.v1.Models", "slipway.v1.Updates"),
    *(ROLLOUTS, IDENTITIES, INFERENCE),
)
QUIET = (
    f"/{INFERENCE}/ModelInfer",
    *(f"/slipway.v1.Updates/{name}" for name in ("ReportHealth", "RelayReport", "WatchUpdates")),
)
THREADS = 32
DOOR_CALL_LIMIT = 64
COLLECT_AFTER = (50_000, 20, 100)  # new objects, then collections of the younger ones

log = logging.getLogger(__name__)


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
    uvloop.run(serve(config, announce or _print_addresses))


async def serve(config: Config, announce: Callable[[Listening], None]) -> None:
    """Serve until SIGTERM or SIGINT; see ``run``."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "call"))
    with only_server(config.data_folder):
        house = open_house(config)
        server, door = build(house), build_door(house)
        listening = listen(house, server, door)
        await server.start()
        await door.start()
        _collect_seldom()
        async with _background(house):
            with announced(config.data_folder, listening.to_json()):
                announce(listening)
                await stop.wait()
                await asyncio.gather(_drain(house, server), door.stop(config.drain_seconds))
        house.catalogue.close()


def build(house: House) -> grpc.aio.Server:
    """A server with every service, not yet listening."""
    config, catalogue, blobs, security = house.config, house.catalogue, house.blobs, house.security
    guards = [] if security is None else [AccessInterceptor(security.keeper, security.keeper.targets)]
    server = grpc.aio.server(
        interceptors=(ErrorInterceptor(quiet=QUIET), *guards, PatienceInterceptor(config.silence_seconds)),
        options=options(config),
        maximum_concurrent_rpcs=config.call_limit,
    )
    named: Any = ByName(server)
    datasets_pb2_grpc.add_DatasetsServicer_to_server(Datasets(catalogue, blobs, house.uploads, config), named)
    jobs_pb2_grpc.add_JobsServicer_to_server(Jobs(catalogue, house.job_watch), named)
    models_pb2_grpc.add_ModelsServicer_to_server(Models(catalogue, blobs, config), named)
    updates_pb2_grpc.add_UpdatesServicer_to_server(Updates(catalogue, blobs, house.channel_watch, config), named)
    rollouts_pb2_grpc.add_RolloutsServicer_to_server(Rollouts(catalogue, signed_by(config)), named)
    grpc_service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(house.inference, named)
    identities_pb2_grpc.add_IdentitiesServicer_to_server(house.identities, named)
    health_pb2_grpc.add_HealthServicer_to_server(house.health, named)
    add_reflection(server, (*SERVICES, health.SERVICE_NAME))
    return server


def build_door(house: House) -> grpc.aio.Server:
    """A server for those who have no certificate yet: they enrol, and can do nothing else. Not yet listening."""
    door = grpc.aio.server(
        interceptors=(ErrorInterceptor(),),
        options=door_options(house.config),
        maximum_concurrent_rpcs=DOOR_CALL_LIMIT,
    )
    add_enrolment(house.identities, door)
    health_pb2_grpc.add_HealthServicer_to_server(house.health, door)
    return door


@asynccontextmanager
async def _background(house: House) -> AsyncIterator[None]:
    """What goes on beside the calls; workers come last, for they keep the processor busy for seconds."""
    for name in ("", *SERVICES):
        await house.health.set(name, health_pb2.HealthCheckResponse.SERVING)
    work = (
        house.job_watch.run(),
        house.channel_watch.run(),
        sweep(house),
        close_loop(house.catalogue, house.config.loop_seconds, signed_by(house.config)),
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


def _take_every_file() -> None:
    """Each connection is an open file: a fleet needs more than the usual soft limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_seldom() -> None:
    """Thousands of watchers are objects that stay: to look through them after every 700 new ones holds everybody up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _print_addresses(listening: Listening) -> None:
    print(listening.words(), flush=True)
