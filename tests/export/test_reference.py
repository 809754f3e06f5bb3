"""What travels in a bundle of home: small, the same for the same windows, readable by a device."""

import json

import numpy as np
import pytest

from export import reference
from export.calibration import calibrate
from export.folding import fold
from export.frozen_bundle import pack_adapted
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.package import pack_graph
from export.proof import run
from slipway.bundle import archive
from slipway.bundle.manifest import EXTRA
from slipway.bundle.runtime import Runtime
from slipway.delta import codec
from slipway.edge import home as homes
from slipway.edge import home_file
from slipway.edge.home_file import reference_in
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.export.examples import example, windows

MODEL = example("separable")
TASK = MODEL.task
VALUES = windows(MODEL, 600)


@pytest.fixture(scope="module")
def graph() -> bytes:
    return to_bytes(int8_onnx(calibrate(fold(MODEL), VALUES).net, TASK))


def packed(graph: bytes, extra: dict[str, bytes]) -> bytes:
    described = {"model": TASK.name, "task": TASK, "precision": "int8"}
    return pack_graph(graph, VALUES[:8], extra=extra, version="1", **described)


def test_a_device_finds_it_in_the_bundle(graph: bytes) -> None:
    files = reference.files(graph, VALUES, TASK)
    bundle = archive.read(packed(graph, files))
    assert bundle.manifest.files[reference.REFERENCE_NAME].role == EXTRA and Runtime(bundle).self_test() == 0
    home = reference_in(bundle)
    assert home is not None and home.count == 600
    channels = len(TASK.sensor.channels)
    np.testing.assert_allclose(home.mean[:channels], VALUES.mean((0, 1)), rtol=5e-3, atol=1e-6)
    np.testing.assert_allclose(home.sd[:channels], VALUES.mean(1).std(0), rtol=5e-3)
    assert reference_in(archive.read(packed(graph, {}))) is None


def test_it_tells_energy_and_confidence_of_the_answers(graph: bytes) -> None:
    """Energy is −log Σ exp(logits), at temperature 1."""
    logits = run(graph, VALUES).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    told = json.loads(reference.of(VALUES, logits, TASK))
    wanted = {"energy": -np.log(np.exp(logits).sum(1)), "confidence": shares.max(1)}
    assert set(told["quantiles"]) == set(wanted)
    for name, each in wanted.items():
        np.testing.assert_allclose(told["quantiles"][name], np.quantile(each, homes.QUANTILES), rtol=5e-3)
    np.testing.assert_allclose(told["mean"][-2:], [wanted["energy"].mean(), wanted["confidence"].mean()], rtol=5e-3)


def test_the_same_windows_give_the_same_bytes(graph: bytes) -> None:
    assert reference.files(graph, VALUES, TASK) == reference.files(graph, VALUES.copy(), TASK)
    assert reference.files(graph, VALUES, TASK) != reference.files(graph, VALUES[::-1] * 2, TASK)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("channels", "outputs"), [(1, 0), (24, 0), (1000, 0), (1000, 40)])
def test_it_is_small_whatever_the_task(channels: int, outputs: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    sensor = SensorSpec(tuple(Channel(f"c{i}", "1") for i in range(channels)), 10.0, 2)
    answers = {"outputs": tuple(Channel(f"a_long_name_of_output_{i}", "1") for i in range(outputs))} if outputs else {}
    task = TaskSpec("wide", sensor, **(answers or {"classes": ("a", "b", "c")}))
    scale = 10.0 ** chance.uniform(-9, 9, channels)
    values = (-scale * chance.normal(1, 0.1, (40, 2, channels))).astype(np.float32)
    logits = chance.normal(-1e-5, 1e-7, (40, task.answer_size)).astype(np.float32)
    data = reference.of(values, logits, task)
    assert len(data) <= reference.LIMIT_BYTES
    assert home_file.to_json(home_file.from_json(task, data)) == data


def test_too_few_windows_give_none(graph: bytes) -> None:
    assert reference.files(graph, VALUES[:7], TASK) == {}
    with pytest.raises(Refused):
        reference.of(VALUES[:7], run(graph, VALUES[:7]), TASK)


def test_a_delta_brings_it_at_the_cost_of_what_changed(graph: bytes) -> None:
    base = packed(graph, reference.files(graph, VALUES[:300], TASK))
    sizes = {}
    for name, extra in {
        "none": {},
        "same": reference.files(graph, VALUES[:300], TASK),
        "own": reference.files(graph, VALUES[300:] * np.float32(1.1), TASK),
    }.items():
        start = base if extra else packed(graph, {})
        adapted = pack_adapted(archive.read(start), graph, extra=extra, version="2")
        delta = codec.make(start, adapted)
        assert codec.apply(start, delta) == adapted
        sizes[name] = len(delta)
    own = len(reference.files(graph, VALUES[300:], TASK)[reference.REFERENCE_NAME])
    assert sizes["same"] <= sizes["none"] + 80 and sizes["own"] <= sizes["none"] + own
