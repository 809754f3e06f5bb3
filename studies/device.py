"""On the device: what int8 costs on recorded tests, and whether every machine computes the same net there.

Each task's base is calibrated on the device's pool, without a label. Then: scores of float and int8 on the test; every
tensor of as many real windows as the recording holds, by ONNX Runtime, NumPy, JAX and generated C; the answers on
emulated microcontrollers; and small adapters on the frozen grid. The first seed has all of it, further ones the scores.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from rich.console import Console

from export.c import generate
from export.calibration import Calibration, calibrate, same_decisions, same_numbers
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.integer import Int8Net, Linear
from export.mcu.boards import BOARDS
from export.mcu.measure import measure
from export.mcu.tools import missing
from export.proof import prove_exact, run
from nets.inference import logits
from nets.model import Model
from slipway.errors import Refused
from slipway.windows import Values
from studies.device_page import section
from studies.harm import FIRST_SEED
from studies.host_c import match
from studies.many_windows import MANY
from studies.scenarios import SCENARIOS, Scenario, base
from studies.scores import rated
from studies.study import Domain
from studies.updates import Served, plans_for, updates

CORE_WINDOWS = 200
PLANTED = 16  # weights of which one bit is turned, one at a time
PLANTED_WINDOWS = 256
FAULTY_SHARE = 10  # one window in so many also goes through a program with a planted fault, on each core
SECONDS = 900.0  # for an emulator
HOPS = {"pendulum_c0": 2}  # samples from one window of the pool to the next, where answers are told in seconds
Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A scenario's base as its device runs it.

    Args:
        scenario: where.
        folder: of all recordings.
        source: what the base learned from.
        model: the base.
        seed: of all that is random.
    """

    scenario: Scenario
    folder: Path
    source: Domain
    model: Model
    seed: int

    @cached_property
    def domains(self) -> tuple[Domain, Domain]:
        """The device's pool and test."""
        return self.scenario.target(self.folder)

    @cached_property
    def calibration(self) -> Calibration:
        """On the pool, without a label."""
        pool, _ = self.domains
        return calibrate(fold(self.model), pool.values, decides=not self.model.task.outputs)

    @cached_property
    def graph(self) -> bytes:
        """The int8 ONNX file."""
        return to_bytes(int8_onnx(self.calibration.net, self.model.task))

    @cached_property
    def many(self) -> Values:
        """As many windows as the recording holds."""
        return MANY[self.scenario.name](self.folder)

    @cached_property
    def wrong(self) -> list[bytes]:
        """Of ``PLANTED`` files with a weight one bit off, those refused; first what moves most answers."""
        random, net, values = np.random.default_rng(self.seed), self.calibration.net, _some(self)
        drawn = [one_bit_off(self.graph, net, random) for _ in range(PLANTED)]
        right = run(self.graph, values)
        seen = [one for one in drawn if refused(one, net, values)]
        return sorted(seen, key=lambda one: -int((run(one, values) != right).sum()))


def scores(case: Case) -> Record:
    """Float and int8 on the test, and what the calibration chose."""
    task, (_, test) = case.model.task, case.domains
    wanted, got = logits(case.model, test.values), run(case.graph, test.values)
    agree = same_numbers if task.outputs else same_decisions
    calibration = case.calibration
    return {
        "test_windows": len(test.labels),
        "float": rated(task, wanted, test),
        "int8": rated(task, got, test),
        "agreement": agree(got, wanted),
        "graph_bytes": len(case.graph),
        "clip": calibration.clip if isinstance(calibration.clip, float | str) else dict(calibration.clip),
        "copies": calibration.net.entry.copies,
        "losses": [loss.to_json() for loss in calibration.losses],
    }


def equal_bytes(case: Case) -> Record:
    """Every tensor of many real windows, by four machines; and weights one bit off, which they must see."""
    found = match(case.graph, case.calibration.net, _some(case), written_from=case.wrong[0])
    caught = {"drawn": PLANTED, "refused": len(case.wrong), "c_differing": found.differing, "c_first": found.first}
    return {**proven(case.graph, case.calibration.net, case.many), "planted": caught}


def proven(graph: bytes, net: Int8Net, values: Values) -> Record:
    """What was compared, of NumPy, JAX and ONNX Runtime, and of generated C.

    Raises:
        Refused: EXPORT_DIFFERS: one of the first three is another net.
    """
    return {"exact": prove_exact(graph, net, values).to_json(), "c": asdict(match(graph, net, values))}


def refused(graph: bytes, net: Int8Net, values: Values) -> bool:
    """Whether the proof at export refuses ``graph``."""
    try:
        prove_exact(graph, net, values, compiled=False)
    except Refused:
        return True
    return False


def one_bit_off(graph: bytes, net: Int8Net, random: np.random.Generator) -> bytes:
    """The file with the lowest bit of one weight turned, each weight as likely as any."""
    layers = [layer for layer in net.layers if isinstance(layer, Linear)]
    sizes = np.array([layer.weights.size for layer in layers])
    chosen = layers[random.choice(len(layers), p=sizes / sizes.sum())]
    model = onnx.load_model_from_string(graph)
    tensor = next(one for one in model.graph.initializer if one.name == f"{chosen.name}.weights")
    weights = numpy_helper.to_array(tensor).copy()
    weights.reshape(-1)[random.integers(weights.size)] ^= 1
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    return to_bytes(model)


def _some(case: Case) -> Values:
    return case.many[:: -(-len(case.many) // PLANTED_WINDOWS)]


def cores(case: Case) -> Record:
    """Some of those windows on every emulated core, through the right program and through one with a planted fault."""
    files, wrong = (generate(one).files for one in (case.graph, case.wrong[0]))
    found = {}
    for name, board in BOARDS.items():
        values = case.many[:: len(case.many) // CORE_WINDOWS][:CORE_WINDOWS]
        expected = run(case.graph, values)
        measured = measure(files, "model", board, values, expected, timeout_seconds=SECONDS)
        few = CORE_WINDOWS // FAULTY_SHARE
        other = measure(wrong, "model", board, values[:few], expected[:few], timeout_seconds=SECONDS)
        found[name] = measured.to_json() | {"planted_bytes": other.differing_bytes}
    return found


def adapters(case: Case) -> Record:
    """Small adapters on the frozen grid."""
    pool, test = case.domains
    hop = HOPS.get(case.scenario.name, 1)
    served = Served(case.model, case.graph, case.source, pool, test, hop, case.seed)
    return updates(served, plans_for(case.model.task))


PARTS: Mapping[str, Callable[[Case], Record]] = {
    "scores": scores,
    "equal_bytes": equal_bytes,
    "cores": cores,
    "adapters": adapters,
}


def study(folder: Path, out: Path, seeds: int, console: Console) -> None:
    """Run every task whose recording is there, and write ``device.json`` and ``device.md`` after each.

    What an earlier run found of a task and seed is kept below ``out/device``, part by part.

    Raises:
        Refused: RECORDING_DIFFERS; EXPORT_DIFFERS: a machine is another net.
    """
    found: list[Record] = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for name in MANY:
            if (folder / SCENARIOS[name].recording).is_dir():
                found.append(cell(SCENARIOS[name], folder, seed, out, console, whole=seed == FIRST_SEED))
                write(found, out)


def cell(scenario: Scenario, folder: Path, seed: int, out: Path, console: Console, *, whole: bool) -> Record:
    """All parts of one task and seed, or its scores alone; what is on file is not computed again."""
    file = out / "device" / f"{scenario.name}-{seed}.json"
    found: Record = json.loads(file.read_text()) if file.is_file() else {"scenario": scenario.name, "seed": seed}
    left = [name for name in PARTS if name not in found and (whole or name == "scores") and possible(name, console)]
    if left:
        source = scenario.source(folder, seed)
        case = Case(scenario, folder, source, base(scenario, source, seed, out / "harm" / "bases").model, seed)
        for name in left:
            began = time.monotonic()
            found[name] = PARTS[name](case)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found, indent=1) + "\n")
            console.print(f"device {scenario.name} {seed} {name}: {time.monotonic() - began:.0f} s", highlight=False)
    return found


def possible(part: str, console: Console) -> bool:
    """Whether this computer has the tools; says what is missing."""
    absent = missing() if part == "cores" else ()
    if absent:
        console.print(f"device: no emulated cores, not installed: {', '.join(absent)}", highlight=False)
    return not absent


def write(found: list[Record], out: Path) -> None:
    """``device.json`` and ``device.md``."""
    (out / "device.json").write_text(json.dumps({"cells": found}, indent=1) + "\n")
    (out / "device.md").write_text(section(found))
