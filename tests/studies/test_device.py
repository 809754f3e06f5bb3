"""What the device study compares, that it sees a planted fault, and what it writes."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from adapters.choice import Plan
from export.calibration import calibrate
from export.folding import fold
from export.graph import to_bytes
from export.int8 import ENTERED, int8_onnx
from export.integer import Int8Net
from slipway.errors import Reason, Refused
from studies import device
from studies.device_page import section
from studies.host_c import match
from studies.many_windows import MANY, shift
from studies.scenarios import SCENARIOS
from studies.study import Domain
from studies.updates import Served, known, plans_for, updates
from tests.export import test_log_mel as log_mel
from tests.export.c.building import needs_compiler
from tests.export.examples import change, example, windows

CHANGED = "5.weights"


def exported(name: str = "cnn") -> tuple[Int8Net, bytes, np.ndarray]:
    made = example(name)
    values = windows(made, 48)
    net = calibrate(fold(made), values).net
    return net, to_bytes(int8_onnx(net, made.task)), values


def turned(net: Int8Net, graph: bytes) -> bytes:
    """The file with the lowest bit of one weight turned."""
    import onnx

    def edit(weights: np.ndarray) -> None:
        weights.reshape(-1)[3] ^= 1

    return change(onnx.load_model_from_string(graph), CHANGED, edit)


@needs_compiler
def test_four_machines_make_every_byte_of_every_tensor() -> None:
    net, graph, values = exported()
    found = device.proven(graph, net, values)
    assert found["exact"]["witnesses"] == ["onnxruntime", "numpy", "jax"]
    for one in found.values():
        assert (one["windows"], one["differing"]) == (len(values), 0)
    assert found["c"]["bytes"] == found["exact"]["bytes"] and found["c"]["tensors"] == found["exact"]["tensors"]
    assert found["c"]["answers_differing"] == 0


@needs_compiler
def test_one_bit_of_one_weight_is_caught_where_it_stands() -> None:
    net, graph, values = exported()
    wrong = turned(net, graph)
    with pytest.raises(Refused) as caught:
        device.proven(wrong, net, values)
    assert caught.value.reason is Reason.EXPORT_DIFFERS and "5.conv" in str(caught.value)
    found = match(graph, net, values, written_from=wrong)
    assert found.first == "5.conv" and 0 < found.differing < found.bytes


@needs_compiler
def test_sound_is_exact_from_the_window_on() -> None:
    values = log_mel._sound(24)
    net = calibrate(fold(log_mel.MODEL), values).net
    made = int8_onnx(net, log_mel.MODEL.task)
    found = match(to_bytes(made), net, values)
    assert (found.differing, found.entered_bytes, found.answers_differing) == (0, 0, 0)

    def edit(waves: np.ndarray) -> None:
        waves[3, 0, 40] += 8

    wrong = match(to_bytes(made), net, values, written_from=change(made, "0.cosines.weights", edit))
    assert wrong.first == ENTERED and wrong.differing > 0


def test_a_drawn_fault_is_one_bit_of_one_weight() -> None:
    net, graph, _ = exported()
    for seed in range(5):
        wrong = device.one_bit_off(graph, net, np.random.default_rng(seed))
        assert len(wrong) == len(graph)
        pairs = zip(np.frombuffer(graph, np.uint8), np.frombuffer(wrong, np.uint8), strict=True)
        assert sum(int(one ^ other).bit_count() for one, other in pairs) == 1


def test_a_shift_brings_silence_in() -> None:
    values = np.arange(1, 6, dtype=np.float32).reshape(1, 5, 1)
    assert shift(values, 2).ravel().tolist() == [3, 4, 5, 0, 0]
    assert shift(values, -2).ravel().tolist() == [0, 0, 1, 2, 3]
    np.testing.assert_array_equal(shift(values, 0), values)


def test_every_device_is_a_scenario_of_its_own_base() -> None:
    assert all(not SCENARIOS[name].shares for name in MANY)
    assert {SCENARIOS[name].recording for name in MANY} == {scenario.recording for scenario in SCENARIOS.values()}


def test_a_device_gives_few_answers() -> None:
    made = example("cnn")
    labels = np.repeat(np.arange(5, dtype=np.int32), 30)
    pool = Domain(windows(made, 150), labels)
    told = known(made.task, pool, hop=1, seed=0)
    assert [(told == index).sum() for index in range(5)] == [20] * 5
    assert np.array_equal(told[told >= 0], labels[told >= 0])


def test_updates_are_scored_as_the_device_rebuilds_them_and_stay_small() -> None:
    made = example("cnn")
    values = windows(made, 256)
    labels = np.arange(256, dtype=np.int32) % len(made.task.classes)
    graph = to_bytes(int8_onnx(calibrate(fold(made), values).net, made.task))
    device_pool = Domain(1.1 * values, labels)
    served = Served(made, graph, Domain(values, labels), device_pool, device_pool)
    plans = {"norm_statistics": plans_for(made.task)["norm_statistics"], "outputs": Plan("head", "squared_error")}
    found = updates(served, plans)
    row = found["norm_statistics"]
    assert row["proven"]["differing"] == 0 and not row["full"]
    assert 86 < row["delta_bytes"] < len(graph) / 2  # more than a header
    assert row["delta_bytes"] < row["bundle_delta_bytes"] < row["bundle_bytes"] and row["slot_bytes"]
    assert row["frozen"] == pytest.approx(row["float"], abs=0.05)
    assert found["outputs"].keys() == {"refused"}  # an objective for another kind of task


def test_every_task_has_the_same_four_small_adapters() -> None:
    for name in ("rover", "pendulum_c0"):
        assert plans_for(SCENARIOS[name].task).keys() == {"norm_statistics", "sensor", "norm_affine", "head"}


def test_what_is_on_file_is_not_computed_again(tmp_path: Path) -> None:
    file = tmp_path / "device" / "rover-2.json"
    file.parent.mkdir()
    kept = {"scenario": "rover", "seed": 2, **{part: {} for part in device.PARTS}}
    file.write_text(json.dumps(kept))
    scenario = SCENARIOS["rover"]  # its recording is not below this folder, so that anything computed would fail
    assert device.cell(scenario, tmp_path, 2, tmp_path, Console(quiet=True), whole=True) == kept


def test_the_page_tells_what_differs_and_what_was_refused() -> None:
    proof = {"windows": 10, "tensors": 3, "bytes": 1000, "differing": 0}
    host = {**proof, "first": None, "entered_differing": 7, "answers_differing": 0}
    caught = {"drawn": 16, "refused": 15, "c_differing": 42, "c_first": "5.conv"}
    core = dict.fromkeys(("windows", "differing_bytes", "planted_bytes", "flash_bytes", "ram_bytes"), 1)
    one = {
        "scenario": "rover",
        "seed": 2,
        "scores": {
            "test_windows": 100,
            "float": {"accuracy": 0.9, "macro_f1": 0.8},
            "int8": {"accuracy": 0.895, "macro_f1": 0.81},
            "agreement": 0.99,
            "graph_bytes": 5000,
        },
        "equal_bytes": {"exact": proof, "c": host, "planted": caught},
        "cores": {"cortex-m3": {**core, "stack_bytes": 2, "instructions": 123456}},
        "adapters": {"sensor": {"refused": "No sensor here."}},
    }
    text = section([one])
    assert "| rover | 2 | 100 | 90.00% | 89.50% | -0.50 | +1.00 | 99.00% | 5,000 |" in text
    assert "| rover | 10 | 3 | 1,000 | 0 | 0 | 7 | 15 of 16, 42 |" in text
    assert "123,456" in text and "No sensor here." in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    widths = [line.count("|") for line in tables]
    ruled = [index for index, line in enumerate(tables) if line.startswith("|---")]
    for at, end in zip(ruled, [*(index - 1 for index in ruled[1:]), len(tables)], strict=True):
        assert len(set(widths[at - 1 : end])) == 1
