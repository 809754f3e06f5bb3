"""The part of the story at sea: the bundle, the channel, the edge node, and life without the server."""

import subprocess
from pathlib import Path
from typing import IO

import numpy as np

from slipway.bundle.archive import read_file
from slipway.bundle.runtime import Runtime
from slipway.client import Client
from slipway.client.values import Evaluation
from studies.demo import processes
from studies.demo.learning import MODEL
from studies.demo.telling import Telling

WINDOWS = 300  # the node answers these before and after the server is killed


def publish(client: Client, version: str, folder: Path, tell: Telling) -> tuple[Path, float, Evaluation]:
    """Export a version, measure both forms, and point the stable channel at it.

    Returns:
        The bundle's file, the accuracy of the float form, and how well the int8 form did.
    """
    tell.wait(client, client.jobs.export(version, "pool"), "exporting")
    found = [
        tell.wait(client, client.jobs.evaluate(version, "test", form=form), f"measuring {form}").evaluation
        for form in ("float_onnx", "int8_onnx")
    ]
    as_float, int8 = found
    assert as_float is not None and int8 is not None
    client.models.set_channel(MODEL, "stable", version)
    bundle = folder / "model.slipway"
    size = client.models.download_artifact(f"{version}/artifacts/bundle", bundle).size_bytes
    tell.say(f"bundle {size / 1000:.1f} kB, int8 {100 * int8.accuracy:.2f} %, float {100 * as_float.accuracy:.2f} %")
    return bundle, as_float.accuracy, int8


def outlive(
    address: str,
    server: subprocess.Popen[bytes],
    bundle: Path,
    windows: np.ndarray,
    folder: Path,
    log: IO[bytes],
    tell: Telling,
) -> bool:
    """Let an edge node pull the model, kill the server, and see whether the node goes on, and starts anew, alone."""
    expected = [name for name, _ in map(Runtime(read_file(bundle)).answer, windows)]
    with processes.edge(address, folder, log) as node:
        with tell.timed("an edge node pulled, verified and self-tested the bundle, and answers"):
            online = [answer["class"] for answer in node.answer(windows)]
        server.kill()
        server.wait()
        tell.say("the server was killed")
        offline = [answer["class"] for answer in node.answer(windows)]
    with processes.edge(address, folder, log) as node:
        restarted = [answer["class"] for answer in node.answer(windows)]
    good = online == offline == restarted == expected
    tell.say(
        f"{len(offline)} windows answered without it, {len(restarted)} more after a restart of the node"
        + (", all as before" if good else ": [bold red]the answers differ[/bold red]")
    )
    return good
