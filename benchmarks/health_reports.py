"""How many reports on a model's health a real server takes in a second, each kept on the disk before it is answered.

Devices of one running rollout report at the same time over a few connections, as gateways and proxies bring them; the
load generator is a process of its own and shares this machine's cores with the server.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
import psutil

from slipway.v1 import updates_pb2 as pb
from slipway.v1 import updates_pb2_grpc
from tests.service.process import ServerProcess
from tests.service.rollouts import begin, look, model_with

DEVICES, FLIGHT, CONNECTIONS = 10_000, 256, 8
AIM_PER_SECOND = 1000.0


def run() -> list[dict[str, Any]]:
    """Of 10,000 devices, two reports each: reports a second, and what one takes of the server's processor."""
    with tempfile.TemporaryDirectory() as name:
        server = ServerProcess(Path(name) / "data").start()
        try:
            model_with(server, "m")
            rollout = begin(server, "m", 2, stages=[1.0], report_count=1_000_000).name
            rate, cpu_us = _measure(server.process.pid if server.process else 0, server.address, rollout)
            found = look(server, rollout)
        finally:
            server.kill()
    assert (found.report_count, found.device_count) == (2 * DEVICES, DEVICES), "every report counts once"
    bare_rate, bare_us = _bare(rollout)
    return [
        _record("health_reports_per_second", rate, "1/s", f"aim {AIM_PER_SECOND:g}", AIM_PER_SECOND),
        _record("health_reports_of_bare_calls", rate, "1/s", f"bare calls {bare_rate:.0f}", bare_rate),
        _record("health_report_cpu_us", cpu_us, "us", f"bare call {bare_us:.0f}", bare_us),
    ]


def _bare(rollout: str) -> tuple[float, float]:
    """The same reports to a server that does nothing with them."""
    command = [sys.executable, "-m", "benchmarks._report_echo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as echo:
        assert echo.stdin is not None and echo.stdout is not None
        found = _measure(echo.pid, echo.stdout.readline().strip(), rollout)
        echo.stdin.close()
    return found


def _measure(pid: int, address: str, rollout: str) -> tuple[float, float]:
    """(reports a second, microseconds of the server's processor for each)."""
    process = psutil.Process(pid)
    command = [sys.executable, "-m", "benchmarks.health_reports", address, rollout]
    before = _cpu_seconds(process)
    seconds = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return 2 * DEVICES / seconds, 1e6 * (_cpu_seconds(process) - before) / (2 * DEVICES)


def _record(name: str, value: float, unit: str, reference: str, over: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": value / over}


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def report(address: str, rollout: str) -> float:
    """Send them all; seconds that it took."""
    channels = [grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(CONNECTIONS)]
    stubs = [updates_pb2_grpc.UpdatesStub(channel) for channel in channels]
    waiting = iter([(device, sequence) for sequence in (1, 2) for device in range(DEVICES)])

    async def work(number: int) -> None:
        stub = stubs[number % CONNECTIONS]
        for device, sequence in waiting:
            await stub.ReportHealth(_report(rollout, device, sequence))

    start = time.monotonic()
    await asyncio.gather(*(work(number) for number in range(FLIGHT)))
    seconds = time.monotonic() - start
    for channel in channels:
        await channel.close()
    return seconds


def _report(rollout: str, device: int, sequence: int) -> pb.ReportHealthRequest:
    said = pb.Comparison(rollout=rollout, window_count=100, confidence=0.9, confidence_before=0.9)
    return pb.ReportHealthRequest(
        device_id=f"device-{device}",
        version="models/m/versions/1",
        sequence=sequence,
        window_count=100,
        drift=0.2,
        comparison=said,
    )


if __name__ == "__main__":
    print(asyncio.run(report(*sys.argv[1:3])))
