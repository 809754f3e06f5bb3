"""The repository by plain HTTP, for stock clients of the framework: ``python -m service.trust.door``.

A process of the server's: what strangers send never meets the process that answers devices. It serves what is signed
now and nothing else. What it sends is as good as its signatures; whoever can reach it can read it.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from service.blobs import Blobs, open_blobs
from service.config import Config, from_environment
from service.logs import write_logs
from service.trust.http import File, Limits, listen
from service.trust.mirror import Mirror
from service.trust.place import Place
from slipway.errors import Reason, Refused
from slipway.trust import names
from slipway.trust.source import NotThere

READY_FILE = "http.json"
CHUNK_BYTES = 256 << 10
log = logging.getLogger("service.trust.door")  # the module's name is __main__ in its process


class Door:
    """Finds the files of a repository by the paths of requests.

    Args:
        mirror: what devices may read.
        blobs: where targets lie.
    """

    def __init__(self, mirror: Mirror, blobs: Blobs) -> None:
        self._mirror = mirror
        self._blobs = blobs

    async def find(self, path: str) -> File | None:
        """The file at ``path``, a %-encoded name of ``slipway.trust.names``; None where devices have none."""
        name = unquote(path) if len(path) <= 3 * names.NAME_LIMIT_CHARS else ""
        try:
            names.check_name(name)
            return await asyncio.to_thread(self._found, name)
        except (NotThere, Refused):
            return None

    def _found(self, name: str) -> File:
        sha256 = names.target_hash(name)
        if sha256 is not None:
            size = self._mirror.size(name)
            return File(size, lambda start, end: self._stored(sha256, start, end), lasting=True)
        data = b"".join(self._mirror.read(name, 0))
        return File(len(data), lambda start, end: _cut(data, start, end), lasting=name != names.TIMESTAMP)

    async def _stored(self, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        async for _, piece in self._blobs.read(sha256, start, end, CHUNK_BYTES):
            yield piece


async def _cut(data: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    for first in range(start, end, CHUNK_BYTES):
        yield data[first : min(end, first + CHUNK_BYTES)]


def open_door(config: Config) -> Door:
    """The door to a server's repository."""
    blobs = open_blobs(config.blob_url, config.data_folder)
    return Door(Mirror(Place(config.data_folder).files, _unused), blobs)


def _unused(sha256: str, offset: int) -> Iterator[bytes]:
    raise NotThere(sha256)  # targets are read as they are asked for, without a thread


async def serve(config: Config, ended: Callable[[], None], limits: Limits = Limits()) -> None:  # noqa: B008
    """Serve until ``ended`` returns.

    Raises:
        Refused: ADDRESS_UNUSABLE.
    """
    host, _, port = config.http_address.rpartition(":")
    try:
        server = await listen(host.strip("[]"), int(port), open_door(config).find, limits)
    except (OSError, ValueError, OverflowError) as error:
        raise Refused(Reason.ADDRESS_UNUSABLE, field="http_address", found=config.http_address) from error
    address = f"{host}:{server.sockets[0].getsockname()[1]}"
    with _announced(config.data_folder, address):
        log.info("the repository is at http://%s", address)
        await asyncio.to_thread(ended)


@contextmanager
def _announced(folder: Path, address: str) -> Iterator[None]:
    """Keep ``http.json`` with the address in the data folder, for the time that the door is open."""
    ready, part = folder / READY_FILE, folder / f"{READY_FILE}.part"
    text = json.dumps({"address": address, "pid": os.getpid()})
    part.write_text(text)
    part.rename(ready)
    try:
        yield
    finally:
        if ready.exists() and ready.read_text() == text:  # the next server's door may be open already
            ready.unlink()


def _end_of_input() -> None:
    while os.read(0, 4096):
        pass


def main() -> None:
    """Serve until stdin ends."""
    write_logs()
    try:
        asyncio.run(serve(from_environment(), _end_of_input))
    except Refused as refusal:
        log.error("the door stays closed: %s", refusal)
        sys.exit(1)


if __name__ == "__main__":
    main()
