"""The report names the tensor that costs most, and its numbers are those of rounding that tensor alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from export import losses
from export import steps as s
from export.calibration import can_copy, quantize
from export.folding import fold, split
from export.integer import Grid, Int8Net
from tests.export.examples import NETS, example, windows


def reported(name: str, copies: int = 1) -> tuple[losses.Loss, ...]:
    made = example(name)
    values = windows(made, 128)
    steps = fold(made)
    return losses.report(steps, quantize(steps, values, copies=copies if can_copy(steps) else 1).net, values)


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("name", NETS)
def test_every_quantized_tensor_has_a_row_of_finite_numbers(name: str, copies: int) -> None:
    rows = reported(name, copies)
    assert rows[0].tensor == "entry" and len({row.tensor for row in rows}) == len(rows)
    for row in rows:
        assert np.isfinite([row.low, row.high, row.saturated, row.logit_error]).all() and row.low <= row.high
        assert row.signal_to_noise_db is None or 15 < row.signal_to_noise_db < 160


def test_rows_come_in_the_order_of_the_net() -> None:
    rows = [row.tensor for row in reported("cnn")]
    assert rows == ["entry", "1.weights", "1", "5.weights", "5", "7", "8.weights"]


def test_a_grid_too_narrow_is_named_and_its_saturation_counted() -> None:
    made = example("cnn")
    values, steps = windows(made, 128), fold(made)
    net = quantize(steps, values).net
    narrow = Grid(np.float32(net.layers[2].target.scale / 8), net.layers[2].target.zero)
    broken = Int8Net(net.front, net.entry, (*net.layers[:2], replace(net.layers[2], target=narrow), *net.layers[3:]))
    rows = {row.tensor: row for row in losses.report(steps, broken, values)}
    worst = max(rows.values(), key=lambda row: row.logit_error)
    exact = s.run(split(steps)[1][:3], s.run(split(steps)[0], values))
    assert worst.tensor == "5"
    assert worst.saturated == pytest.approx((exact > worst.high + narrow.scale / 2).mean()) and worst.saturated > 0.01


def test_the_noise_of_an_even_spread_is_what_theory_says() -> None:
    values = np.random.default_rng(0).uniform(0, 255, 100_000).astype(np.float32)
    found = losses.signal_to_noise(values, np.rint(values))
    assert found == pytest.approx(10 * np.log10(np.square(values).mean() * 12), abs=0.1)  # a step squared over twelve
    assert losses.signal_to_noise(values, values) is None


def test_copies_of_the_input_lower_its_loss() -> None:
    alone, four = (next(row for row in reported("mlp", copies) if row.tensor == "entry") for copies in (1, 4))
    assert four.logit_error < 0.5 * alone.logit_error


def test_rows_are_json_and_a_table() -> None:
    rows = reported("separable")
    assert json.loads(json.dumps([row.to_json() for row in rows]))[0]["tensor"] == "entry"
    lines = losses.table(rows).splitlines()
    assert len(lines) == len(rows) + 1 and len({len(line) for line in lines}) == 1
    assert lines[0].split()[:3] == ["tensor", "low", "high"]
