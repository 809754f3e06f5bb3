"""A gateway goes on from what an earlier one left on the disk; devices get the target, or hear why they do not."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from slipway.gateway.node import Setup
from slipway.gateway.targets import PIECE_BYTES, Targets
from slipway.transport import ServerUnreachable
from tests.slipway.gateway.site import TIMEOUT, Above, Device, Gateway

DATA = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()

Start, Connect = Callable[..., Gateway], Callable[..., Device]


def left(setup: Setup, kept: bytes) -> Path:
    """What an earlier gateway left of the target; returns its folder."""
    folder = setup.folder / "targets"
    folder.mkdir(parents=True)
    (folder / f"{SHA256}.part").write_bytes(kept)
    return folder


@pytest.mark.parametrize("offset", [0, 1, 50_000, 100_000, 100_001, 299_999])
def test_a_device_behind_a_gateway_that_lost_power(
    above: Above, setup: Setup, start: Start, connect: Connect, offset: int
) -> None:
    above.publish("models/m", 1, DATA)
    folder = left(setup, DATA[:60_000] + bytes(40_000))
    gateway = start()
    devices = [connect(gateway) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda each: each.download(SHA256, offset), devices)) == [DATA[offset:]] * 3
    assert above.downloads == [(SHA256, 100_000), (SHA256, 0)]
    assert [path.name for path in folder.iterdir()] == [SHA256]


def test_a_server_that_lies_behind_a_gateway_that_lost_power(
    above: Above, setup: Setup, start: Start, connect: Connect
) -> None:
    above.publish("models/m", 1, DATA)
    above.targets[SHA256] = DATA[:-1] + b"\0"
    folder = left(setup, DATA[:100_000])
    device = connect(start())
    with pytest.raises(grpc.RpcError) as error:
        device.download(SHA256)
    assert error.value.code() is grpc.StatusCode.DATA_LOSS
    assert above.downloads == [(SHA256, 100_000), (SHA256, 0)]
    assert list(folder.iterdir()) == []


def test_who_still_reads_what_another_attempt_throws_away_is_told(tmp_path: Path) -> None:
    lie, asked = bytes(600_000), list[int]()

    def breaking(sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        asked.append(offset)
        if len(asked) == 1:
            yield 0, lie
        if offset == 0:
            raise ServerUnreachable("above", "the line broke")

    async def read() -> None:
        targets = Targets(tmp_path / "targets", breaking, limit_bytes=1 << 20, fetch_count=1)
        slow = targets.read(SHA256, 0, 0)
        assert await anext(slow) == (0, lie[:PIECE_BYTES])
        for _ in range(2):  # the first one may still have met the first attempt
            with pytest.raises(ServerUnreachable):
                await anext(targets.read(SHA256, len(lie), 0))
        assert asked[:3] == [0, len(lie), 0]
        with pytest.raises(ServerUnreachable):
            async with asyncio.timeout(TIMEOUT):
                await anext(slow)

    asyncio.run(read())
