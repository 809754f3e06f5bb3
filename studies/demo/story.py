"""The story: simulate, pretrain, meet a device, adapt without labels, check, quantize, deliver, lose the server."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from slipway.bundle.archive import read_file
from slipway.bundle.runtime import Runtime
from slipway.client import connect
from studies.demo import delivery, processes, report
from studies.demo.closed_loop import drive
from studies.demo.device import Device, find
from studies.demo.learning import learn, upload
from studies.demo.result import Result
from studies.demo.telling import StepFailed, Telling


def run(out: Path, data: Path | None, seed: int = 0, as_json: bool = False, windows: int = 0) -> int:
    """Tell the story against a server it starts, and write ``report.html`` and ``summary.json`` into ``out``.

    Args:
        out: the folder of this run; what a former run left in it is removed.
        data: folder of recordings; None, or one without the rover's, simulates the device and says so.
        windows: to simulate; 0: the world's own number.

    Returns:
        The exit code: 0 if the device runs the model offline, else 1.
    """
    began = time.monotonic()
    tell = Telling(Console(stderr=True), as_json)
    place = _fresh(out)
    try:
        with processes.memory_watch() as peak:
            result = _live(place, find(data, seed), seed, tell, windows)
    except StepFailed as failure:
        tell.console.print(f"[bold red]{failure}[/bold red]\n  The processes' log: {place / 'log.txt'}")
        return 1
    result = replace(result, seconds_total=time.monotonic() - began, peak_memory_bytes=peak[0])
    report.write(result, out / "report.html")
    (out / "summary.json").write_text(json.dumps(result.summary(), indent=2) + "\n")
    tell.ending(result, out)
    return 0 if result.offline_ok else 1


def _fresh(out: Path) -> Path:
    """An empty folder for the run's processes, below ``out``."""
    place = out / "run"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def _live(place: Path, device: Device, seed: int, tell: Telling, windows: int) -> Result:
    with (place / "log.txt").open("wb") as log, processes.server(place / "server", log) as (address, server):
        with connect(address) as client:
            tell.step(f"A {device.data} device: {len(device.pool)} windows to adapt on, {len(device.test)} to test on")
            upload(client, device, seed)
            tell.step("Learning in simulation, adapting to the device")
            learned = learn(client, seed, tell, windows)
            tell.say(f"gate: {learned.decision.reason}")
            tell.step("Quantizing, checking, publishing")
            bundle, float_accuracy, int8 = delivery.publish(client, learned.shipped, place, tell)
        tell.step("Delivering, and losing the server")
        offline_ok = delivery.outlive(
            address, server, bundle, device.test[: delivery.WINDOWS], place / "edge", log, tell
        )
    tell.step("Driving a simulated robot with the delivered model")
    with tell.timed("drove"):
        trip = drive(Runtime(read_file(bundle)), seed)
    return Result(
        data=device.data,
        classes=device.task.classes,
        rows=learned.rows,
        history=learned.history,
        decision=learned.decision,
        drive=trip,
        int8=int8,
        float_accuracy=float_accuracy,
        bundle_bytes=bundle.stat().st_size,
        offline_ok=offline_ok,
        seconds_total=0.0,
        seconds_pretrain=learned.seconds_pretrain,
        seconds_adapt=learned.seconds_adapt,
        peak_memory_bytes=0,
    )
