"""Keeps a process of the server's alive: the publisher, the HTTP door. The framework is imported there, never here."""

import asyncio
import logging
import os
import sys
import time
from asyncio.subprocess import Process

from service.config import Config, to_environment
from service.supervisor import HEALTHY_SECONDS, LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, ROOT

log = logging.getLogger(__name__)
END_SECONDS = 3.0


async def keep_trust(config: Config) -> None:
    """Run what the settings ask for until cancelled: nothing where updates are not signed."""
    async with asyncio.TaskGroup() as group:
        if config.trust_snapshot_key:
            group.create_task(keep("service.trust.publisher", config))
        if config.http_address:
            group.create_task(keep("service.trust.door", config))


async def keep(module: str, config: Config) -> None:
    """Run ``python -m module`` until cancelled, again whenever it dies. It ends with its standard input."""
    pause = PAUSE_SECONDS
    while True:
        begin = time.monotonic()
        try:
            log.error("%s died with code %s", module, await _life(module, config))
        except OSError:
            log.exception("cannot start %s", module)
        await asyncio.sleep(pause)
        pause = PAUSE_SECONDS if time.monotonic() - begin > HEALTHY_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _life(module: str, config: Config) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module),
        stdin=asyncio.subprocess.PIPE,
        env={**os.environ, **to_environment(config)},
        cwd=ROOT,
        start_new_session=True,  # Ctrl-C reaches the server only
    )
    try:
        return await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise


async def _end(process: Process) -> None:
    """A publication that has begun is finished; it is whole at every moment anyway."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
