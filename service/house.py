"""The parts of a running server, opened on its data folder."""

import asyncio
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpc_health.v1 import health

from service.blobs import Blobs, open_blobs
from service.catalogue import jobs, migrate, requests, rollouts
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.config import Config
from service.identity.lines import is_loopback, speaks_tls
from service.inference.engine import Engine
from service.inference.limits import limits
from service.inference.servicer import Inference
from service.servicers.identities import Identities
from service.uploads import Uploads
from service.watch import Watch

REQUEST_MEMORY_US = 7 * 86_400 * 1_000_000  # a request_id is known for a week
SWEEP_SECONDS = 3600.0
UPDATE_ROOT = "updates/metadata/1.root.json"  # in the data folder, where updates are signed

log = logging.getLogger(__name__)


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


async def sweep(house: House) -> None:
    """Forget old uploads every hour until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await asyncio.to_thread(house.uploads.sweep)
        except Exception:
            log.exception("cannot sweep up old uploads")


def _open_security(config: Config, catalogue: Catalogue) -> Any:
    if speaks_tls(config):
        from service.identity.security import open_security

        return open_security(config, catalogue)
    if not is_loopback(config.address):
        log.warning("everybody who reaches %s may do everything: tls is never", config.address)
    return None


def _sweep_job_folders(folder: Path, catalogue: Catalogue) -> None:
    """Remove the folders of jobs that have ended while nobody was there to do it."""
    under_way = catalogue.read(jobs.under_way)
    for each in folder.glob("*"):
        if each.name not in under_way:
            shutil.rmtree(each, ignore_errors=True)
