"""A fleet with everything real: a server that speaks TLS and signs, agents with certificates, a gateway, sensors."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from service.catalogue import models
from service.clock import now_us
from service.domain import Decision, Lineage, NewVersion
from service.identity.values import Role
from service.rollout.plan import lot
from service.trust import keyring
from service.trust.entries import content_of
from slipway.bundle import samples
from slipway.bundle.archive import pack
from slipway.bundle.manifest import GRAPH, SELF_TEST_INPUTS, SELF_TEST_OUTPUTS, Manifest, file_entry
from slipway.client import Client, connect
from slipway.client.rollouts import Rollouts
from slipway.delta import codec
from slipway.edge.agent import Agent
from slipway.edge.answer import answers
from slipway.edge.clock import at_least
from slipway.edge.install import Installer
from slipway.edge.pinned import first_root, trust_of
from slipway.edge.remote import Remote
from slipway.edge.renewal import Renewal
from slipway.edge.reporting import key_of
from slipway.edge.store import Store
from slipway.identity.enrol import enrol
from slipway.identity.folder import credentials
from slipway.spec import TaskSpec
from slipway.v1 import updates_pb2
from slipway.v1.updates_pb2_grpc import UpdatesStub
from tests.service.identity.town import Town
from tests.service.process import ROOT, TIMEOUT
from tests.service.trust.yard import TASK, Yard, version
from tests.slipway.edge.bundles import CLASSES, SENSOR
from tests.slipway.gateway.site import GatewayProcess

WINDOW_S = 0.1
GOOD = np.array([-1.0, 1.0], np.float32) / 2  # "even" where the mean is over 0
WEAK = np.array([1.0, -1.0], np.float32) / 1000  # hardly sure, and wrong
BALLAST = 30_000


def trained(number: int, weights: np.ndarray, chain: int = 0) -> bytes:
    """A bundle with a linear model of weights (classes,) over the sum of a window, behind so many useless operators."""
    matrix = np.tile(weights, (6, 1))
    inputs = np.random.default_rng(number).normal(size=(4, *SENSOR.window_shape)).astype(np.float32)
    files = {
        "graph.onnx": _graph(matrix, chain),
        "inputs.npy": samples.encode(inputs),
        "outputs.npy": samples.encode(inputs.reshape(4, 6) @ matrix),
    }
    roles = {"graph.onnx": GRAPH, "inputs.npy": SELF_TEST_INPUTS, "outputs.npy": SELF_TEST_OUTPUTS}
    manifest = Manifest(
        model="rover",
        version=str(number),
        task=TaskSpec("rover", SENSOR, CLASSES),
        precision="float",
        files={name: file_entry(roles[name], data) for name, data in files.items()},
        self_test_tolerance=1e-4,
    )
    return pack(manifest, files)


def _graph(matrix: np.ndarray, chain: int) -> bytes:
    names = ["window", *(f"step-{number}" for number in range(chain))]
    nodes = [helper.make_node("Neg", [a], [b]) for a, b in pairwise(names)]
    nodes += [
        helper.make_node("Flatten", [names[-1]], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["logits"]),
    ]
    window = helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", 3, 2])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    filler = np.random.default_rng(0).integers(0, 256, BALLAST, np.uint8)
    initialisers = [numpy_helper.from_array(array, name) for name, array in (("matrix", matrix), ("filler", filler))]
    graph = helper.make_graph(nodes, "linear", [window], [logits], initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return model.SerializeToString()


class Fleet:
    """A yard that signs, a town that serves its data, and all who follow the model "rover"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.yard = Yard(folder)
        self.yard.add_model()
        own = {f"trust_{name}_key": str(self.yard.keys / f"{name}.pem") for name in keyring.SERVER}
        self.town = Town(folder, **own)
        self.devices: list[Rover | Behind] = []
        self.gateways: list[GatewayProcess] = []

    @cached_property
    def admin(self) -> Client:
        folder = self.folder / "data" / "identity" / "admin"
        return connect(self.town.address, credentials(self.town.address, str(folder)))

    @property
    def rollouts(self) -> Rollouts:
        return Rollouts(self.admin.channel, self.admin.address)

    def hints(self) -> Iterator[Any]:
        """One whenever the channel moves, or a rollout on it does."""
        request = updates_pb2.WatchUpdatesRequest(model="models/rover", channel="stable")
        return UpdatesStub(self.admin.channel).WatchUpdates(request, timeout=2 * TIMEOUT)  # type: ignore[no-any-return]

    def identity(self, name: str, role: Role = Role.DEVICE, names: tuple[str, ...] = ()) -> Path:
        """The folder of one who has just enrolled with a token."""
        folder = self.folder / f"{name}-identity"
        enrol(self.town.enrolment_address, self.town.token(name, role), folder, names)
        return folder

    def enter(self, weights: np.ndarray, *, base: int = 0, promoted: bool | None = None, chain: int = 0) -> int:
        """Enter the next version, with a delta from its base; one that was promoted is signed soon."""
        yard, number = self.yard, len(self.yard.bundles) + 1
        data = trained(number, weights, chain)
        found, decision = {models.BUNDLE: data}, None
        if promoted is not None:
            decision = Decision("head" if promoted else "base", promoted, "as the gate found")
            old = yard.bundles[base]
            found[models.delta_id(content_of(old).sha256)] = codec.make(old, data)
        lineage = Lineage("linear", parent=version(base) if base else "", decision=decision)
        stored = {key: (yard.blobs.put(each), len(each)) for key, each in found.items()}
        yard.catalogue.write(models.add_version, NewVersion("rover", TASK, lineage, 1, {}), stored, "job", now_us())
        yard.bundles[number] = data
        return number

    def gateway(self) -> str:
        """Start a gateway with an identity; its address."""
        folder = self.identity("hall", Role.GATEWAY, ("localhost", "127.0.0.1"))
        made = GatewayProcess(self.town.address, self.folder / "gateway", "--identity", str(folder)).start()
        self.gateways.append(made)
        return made.address

    def rover(self, name: str) -> "Rover":
        """A device at the server."""
        made = Rover(self.folder / name, self.town.address, self.identity(name))
        self.devices.append(made)
        return made

    def behind(self, name: str, gateway: str) -> "Behind":
        """A device at a gateway."""
        made = Behind(self.folder / name, gateway, self.identity(name))
        self.devices.append(made)
        return made

    def close(self) -> None:
        for each in self.devices:
            each.stop()
        for gateway in self.gateways:
            gateway.end()
        self.admin.close()
        self.town.close()
        self.yard.catalogue.close()


class Sensor:
    """A window every 0.1 s, with its label, until it is stopped."""

    def __init__(self, answer: Callable[[bytes], None], seed: int) -> None:
        self._answer, self._draw = answer, np.random.default_rng(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(WINDOW_S):
            even = bool(self._draw.integers(2))
            window = self._draw.normal(1.0 if even else -1.0, 0.3, SENSOR.window_shape)
            self._answer(json.dumps({"window": window.tolist(), "label": CLASSES[even]}).encode() + b"\n")


class Rover:
    """An agent in this process."""

    def __init__(self, folder: Path, server: str, identity: Path) -> None:
        self.name, self.store, self.events = folder.name, Store(folder), list[tuple[str, dict[str, Any]]]()
        self.said: list[dict[str, Any]] = []
        clock = at_least(folder)
        self.remote = Remote(server, credentials(server, str(identity)), key_of(str(identity)), clock)
        self._lock = self.store.locked()
        self._lock.__enter__()
        trust = trust_of(
            folder, self.remote.repository_file, self.remote.pieces, first_root(folder, None, str(identity))
        )
        installer = Installer(
            self.store,
            self.remote,
            model="models/rover",
            channel="stable",
            tell=lambda event, **values: self.events.append((event, values)),
            device_id=self.name,
            trust=trust,
            clock=clock,
        )
        self.certificate_s = clock  # what time it is for the certificate
        renewal = Renewal(
            identity, server, self.remote.show, installer.tell, clock=lambda: self.certificate_s(), look_s=0.5
        )
        self.agent = Agent(installer, random=np.random.default_rng(0).random, report_s=0.5, renewal=renewal)
        self.agent.start()
        self.agent.live()
        self._sensor = Sensor(self._see, seed=2)

    @property
    def state(self) -> Any:
        return self.agent.installer.state

    def told(self, event: str) -> list[dict[str, Any]]:
        """What it said in events of this name."""
        return [values for name, values in self.events if name == event]

    def stop(self) -> None:
        self._sensor.stop()
        self.agent.stop()
        self._lock.__exit__(None, None, None)

    def _see(self, line: bytes) -> None:
        self.said += answers(io.BytesIO(line), self.agent.live, self.agent.monitor)


class Behind:
    """``slipway edge run`` as a process."""

    def __init__(self, folder: Path, server: str, identity: Path) -> None:
        self.name, self.store, self._log = folder.name, Store(folder), folder.with_suffix(".log")
        options = ["--server", server, "--identity", str(identity), "--folder", str(folder), "--input", "-", "--json"]
        command = [sys.executable, "-m", "slipway.cli", "edge", "run", "--model", "rover", "--report-every", "1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *options], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log
            )
        self._sensor = Sensor(self._see, seed=1)

    @property
    def state(self) -> Any:
        return self.store.read()

    def told(self, event: str) -> list[dict[str, Any]]:
        """What it said in events of this name."""
        rows = [json.loads(line) for line in self._log.read_text().splitlines(True) if line.endswith("\n")]
        return [row for row in rows if row["event"] == event]

    def stop(self) -> None:
        self._sensor.stop()
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0, self._log.read_text()

    def _see(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()


def name_with(prefix: str, wanted: list[bool], share: float) -> str:
    """A device's id whose lot in the rollouts 1, 2, … of "rover" is under ``share`` where ``wanted`` says so."""
    names = (f"{prefix}-{number}" for number in range(10**6))
    place = [f"models/rover/rollouts/{number}" for number in range(1, len(wanted) + 1)]
    return next(name for name in names if [lot(salt, name) < share for salt in place] == wanted)
