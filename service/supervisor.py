"""Keeps worker processes alive: starts them, restarts the ones that die, stops them with the server.

A worker is a fresh process, never a fork: gRPC does not survive forking. It reads from a pipe that nobody writes to;
when the server is gone, however it went, the pipe ends and so does the worker.
"""

import asyncio
import logging
import os
import sys
import time
import uuid
from asyncio.subprocess import Process
from pathlib import Path

from service.catalogue import leases
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.config import Config, to_environment

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0  # a worker that lived for so long is restarted without a longer pause
TERMINATION_SECONDS = 3.0
ROOT = Path(__file__).resolve().parents[1]


async def supervise(catalogue: Catalogue, config: Config) -> None:
    """Keep ``config.worker_count`` workers alive until cancelled; then stop them and give their jobs back."""
    async with asyncio.TaskGroup() as group:
        for _ in range(config.worker_count):
            group.create_task(_keep_one(catalogue, config))


async def _keep_one(catalogue: Catalogue, config: Config) -> None:
    pause = PAUSE_SECONDS
    while True:
        begin = time.monotonic()
        try:
            await _life(catalogue, config)
        except Exception:
            log.exception("cannot keep a worker")
        log.error("the next worker starts in %.1f s", pause)
        await asyncio.sleep(pause)
        lived = time.monotonic() - begin
        pause = PAUSE_SECONDS if lived > HEALTHY_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _life(catalogue: Catalogue, config: Config) -> None:
    """One worker from its start to its death; its job goes on with another one."""
    name = f"worker-{uuid.uuid4().hex[:12]}"
    process = await _start(name, config)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await _terminate(process)
        await asyncio.to_thread(catalogue.write, leases.release, name, now_us())
        raise
    log.error("%s died with code %s", name, code)
    await asyncio.to_thread(catalogue.write, leases.expire, name)


async def _start(name: str, config: Config) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "service.worker", name),
        stdin=asyncio.subprocess.PIPE,
        env={**os.environ, **to_environment(config), **(_import_path() if config.worlds else {})},
        cwd=ROOT,
        start_new_session=True,  # Ctrl-C in a terminal reaches the server only, which then stops its workers
    )


def _import_path() -> dict[str, str]:
    """Where the operator's own worlds are found: in the folder the server was started in, then as it was told."""
    told = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return {"PYTHONPATH": os.pathsep.join([os.getcwd(), *map(os.path.abspath, told)])}


async def _terminate(process: Process) -> None:
    try:
        process.terminate()
        await asyncio.wait_for(process.wait(), TERMINATION_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
    except ProcessLookupError:
        pass
