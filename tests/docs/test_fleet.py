"""Every command of docs/fleet.md runs as it stands, in its order, in terminals that are real: one for each block."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.blobs import open_blobs
from service.catalogue import models
from service.catalogue.engine import Catalogue, database_url
from service.clock import now_us
from service.domain import Decision, Lineage, NewVersion
from tests.service.process import wait_for
from tests.service.trust.yard import TASK, empty_catalogue, version
from tests.service.whole_fleet import GOOD, WEAK, trained

PAGE = Path(__file__).parents[2] / "docs" / "fleet.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
SENSOR = '#!/bin/bash\nwhile sleep 0.1; do echo \'{"window": [[1, 1], [1, 1], [1, 1]], "label": "even"}\'; done\n'
LASTING = ("serve ", "edge run ")


class Terminals:
    """Terminals in a folder, side by side; what one exports the next ones know."""

    def __init__(self, folder: Path, port: int) -> None:
        (folder / "bin").mkdir()
        (folder / "bin" / "sensor").write_text(SENSOR)
        (folder / "bin" / "sensor").chmod(0o755)
        self._folder, self._port, self._exports = folder, port, ""
        path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        address = f"127.0.0.1:{port}"
        self._variables = {**os.environ, "PATH": path, "COLUMNS": "120", "SLIPWAY_SERVER_ADDRESS": address}
        self._variables["SLIPWAY_SERVER_WORKER_COUNT"] = "0"  # nothing is learned here
        self._running: list[subprocess.Popen[str]] = []
        self.logs: list[Path] = []

    def run(self, block: str) -> str:
        """Type a block; what it printed. One that ends with what goes on is left running."""
        lasts = any(word in block.splitlines()[-1] for word in LASTING)
        log = self._folder / f"terminal-{len(self.logs)}.txt"
        self.logs.append(log)
        script = "set -e -o pipefail\n" + self._exports + self._at_port(block)
        with log.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self._folder,
                env=self._variables,
                stdout=out,
                stderr=out,
                text=True,
                start_new_session=True,
            )
        self._exports = "".join(f"{line}\n" for line in script.splitlines() if line.startswith("export "))
        if lasts:
            self._running.append(process)
        else:
            assert process.wait(60) == 0, log.read_text()
        return log.read_text()

    def close(self) -> None:
        for process in reversed(self._running):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)

    def _at_port(self, text: str) -> str:
        return text.replace(":8471", f":{self._port}").replace(":8472", f":{self._port + 1}")


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    made = Terminals(tmp_path, _two_ports())
    _begin(tmp_path / "slipway-data")
    yield made
    made.close()


def test_the_walk_works(terminals: Terminals, tmp_path: Path) -> None:
    serve, enrol, garage, porch, rollout, revoke = BLOCKS
    terminals.run(serve)
    wait_for(lambda: "admin's identity" in terminals.logs[0].read_text())
    assert "drawer" in (tmp_path / "settings.txt").read_text()
    assert "garage" in terminals.run(enrol)
    for block in (garage, porch):
        terminals.run(block)
    at_garage, at_porch = terminals.logs[2:]
    for name, log in (("garage", at_garage), ("porch", at_porch)):
        wait_for(lambda each=log: '"version": "models/rover/versions/1"' in each.read_text())
        assert (tmp_path / name / "trust" / "pinned.json").read_bytes() == (tmp_path / "keys/1.root.json").read_bytes()
    said = terminals.run(rollout)
    for words in ("rover/2 to stable", "▶ 50%", "garage", "porch", "current    models/rover/versions/1"):
        assert words in said, said
    wait_for(lambda: "shadow started: models/rover/versions/2  models/rover/rollouts/1" in at_garage.read_text())
    assert "versions/2" not in at_porch.read_text(), "the other half"
    said = terminals.run(revoke)
    assert re.search(r"identities/garage\s+device\s+revoked", said), said
    assert re.search(r"identities/porch\s+device\s+active", said), said


def test_the_page_is_short_and_all_its_commands_are_run() -> None:
    assert len(PAGE.read_text().splitlines()) <= 65
    assert PAGE.read_text().count("```") == 2 * len(BLOCKS)


def _begin(data: Path) -> None:
    """Where the README ends: two exported versions, the second adapted from the first and promoted."""
    data.mkdir()
    (data / "catalogue.sqlite").write_bytes(empty_catalogue())
    catalogue, blobs = Catalogue(database_url("", data)), open_blobs("", data)
    second = Lineage("linear", parent=version(1), decision=Decision("head", True, "it is better"))
    for number, lineage, weights in ((1, Lineage("linear"), WEAK), (2, second, GOOD)):
        bundle = trained(number, weights)
        stored = {models.BUNDLE: (blobs.put(bundle), len(bundle))}
        catalogue.write(models.add_version, NewVersion("rover", TASK, lineage, 1, {}), stored, "job", now_us())
    catalogue.close()


def _two_ports() -> int:
    """A free port whose next one is free too."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no two ports are free")
