"""Who answers: from what a request names to a version in memory. Knows no protobuf."""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from service.blobs import Blobs
from service.catalogue import channels, devices, models
from service.catalogue.engine import Catalogue
from service.inference.limits import Limits
from service.inference.loaded import Loaded, load
from service.inference.pointers import Pointers
from service.inference.refusals import unknown
from service.inference.sessions import Sessions
from service.inference.tally import Tally
from slipway.errors import Refused

LISTED_VERSIONS = 100

Key = tuple[str, int]  # model and number


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a request asks: a version by its number, or what a device runs, or what a channel points at.

    Args:
        model_id: e.g. ``"rover"``.
        number: of the version, or None.
        channel_id: used where there is neither number nor device.
        device_id: used where there is no number; may be empty.
    """

    model_id: str
    number: int | None
    channel_id: str
    device_id: str = ""


class Engine:
    """Finds, loads and keeps the versions that answer.

    Args:
        catalogue: knows which versions there are.
        blobs: hold their bundles.
        limits: of all.
    """

    def __init__(self, catalogue: Catalogue, blobs: Blobs, limits: Limits) -> None:
        self.limits = limits
        self._catalogue = catalogue
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(limits.threads, "infer")
        self._pointers: Pointers[Asked] = Pointers(self._pointed_at, limits.pointer_seconds)
        self._sessions: Sessions[Key, Loaded] = Sessions(self._load, limits.loaded_bytes)
        self._tallies: dict[Key, Tally] = {}

    @property
    def tallies(self) -> Mapping[Key, Tally]:
        """What each version that was loaded has answered since the server started."""
        return self._tallies

    async def version(self, asked: Asked) -> Loaded:
        """The version that is asked.

        Raises:
            Refused: INFERENCE_UNKNOWN for a model, version, channel, device or bundle that is not there; as ``load``.
        """
        number = asked.number
        if number is None:
            number = self._pointers.at_hand(asked)
            if number is None:
                number = await self._pointers.number(asked)
        found = self._sessions.at_hand((asked.model_id, number))
        return await self._sessions.get((asked.model_id, number)) if found is None else found

    async def versions(self, model_id: str) -> tuple[int, ...]:
        """Numbers of a model's versions that have a bundle, oldest first; the newest hundred.

        Raises:
            Refused: INFERENCE_UNKNOWN.
        """
        with _named("name"):
            page = await asyncio.to_thread(self._catalogue.read, models.version_page, model_id, None, LISTED_VERSIONS)
        return tuple(each.number for each in reversed(page) if models.BUNDLE in {file.id for file in each.artifacts})

    def _pointed_at(self, asked: Asked) -> int:
        if asked.device_id:
            return self._running_on(asked)
        with _named("model_name"):
            return self._catalogue.read(channels.get, asked.model_id, asked.channel_id).number

    def _running_on(self, asked: Asked) -> int:
        with _named("parameters.device"):
            device = self._catalogue.read(devices.get, asked.device_id)
        if device.model_id != asked.model_id or device.number is None:
            raise unknown(f"version of {asked.model_id} on devices/{asked.device_id}", "parameters.device")
        return device.number

    async def _load(self, key: Key) -> Loaded:
        content = await asyncio.to_thread(self._content, *key)
        tally = self._tallies.setdefault(key, Tally())
        return await asyncio.to_thread(load, content, *key, self._pool, self.limits, tally)

    def _content(self, model_id: str, number: int) -> bytes:
        with _named("model_version"):
            bundle = self._catalogue.read(models.artifact, model_id, number, models.BUNDLE)
        return self._blobs.get(bundle.sha256)


@contextmanager
def _named(field: str) -> Iterator[None]:
    """Refuse what the catalogue does not know in the protocol's own words."""
    try:
        yield
    except Refused as refused:
        raise unknown(refused.details["name"], field) from None
