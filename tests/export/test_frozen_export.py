import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adapters.engine import adapt
from adapters.options import Options
from export import integer
from export import steps as s
from export.calibration import calibrate
from export.folding import fold
from export.frozen_bundle import SELF_TEST_COUNT, pack_adapted, rounded
from export.frozen_export import Frozen, frozen_export
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.integer import Int8Net, Linear
from export.package import pack_graph
from export.proof import run
from export.reading import read
from nets.inference import logits
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.delta.codec import apply, make
from slipway.errors import Reason, Refused
from tests.adapters.shifts import shifted
from tests.export.examples import example, windows
from tests.export.test_frozen import assert_frozen, corrected, filmed, graph_of, int8_of, moved, with_array
from tests.nets.tasks import task, waves

DATA = os.environ.get("SLIPWAY_DATA")


def exported(made: Model, after: Model, count: int | None = 200) -> tuple[Int8Net, bytes, Frozen]:
    """The base's net and file, and what an adapted model becomes on them with so many windows."""
    net = int8_of(made)
    graph = graph_of(net, made)
    return net, graph, frozen_export(graph, made, after, None if count is None else windows(made, count, seed=2))


def weights_of(net: Int8Net) -> dict[str, bytes]:
    return {layer.name: layer.weights.tobytes() for layer in net.layers if isinstance(layer, Linear)}


def louder(made: Model, gain: float) -> Model:
    """The model whose first block is ``gain`` times as loud and whose second listens as much less."""
    scale, offset, kernel = (made.arrays[name] for name in ("2.scale", "2.offset", "5.kernel"))
    arrays = {"2.scale": scale * gain, "2.offset": offset * gain, "5.kernel": kernel / gain}
    return replace(made, arrays={**made.arrays, **{name: np.float32(array) for name, array in arrays.items()}})


@pytest.mark.parametrize("count", [None, 200])
def test_a_small_change_is_scales_and_biases(count):
    made = example("cnn")
    net, _, found = exported(made, moved(made, size=0.02), count)
    assert_frozen(found.net, net)
    assert {name.split(".")[1] for name in found.changed} == {"mean", "deviation", "weight_scale", "bias"}
    assert not (found.regridded or found.rounded or found.full)


def test_the_file_computes_the_net():
    made = example("separable")
    values = windows(made, 60, seed=9)
    for after in (moved(made), corrected(made), filmed(made), with_array(made, "1.kernel", 2, 0.3)):
        _, _, found = exported(made, after)
        np.testing.assert_array_equal(run(found.graph, values), integer.logits(found.net, values))


def test_a_changed_head_leaves_every_other_layer_as_it_was():
    made = example("cnn")
    kernel = made.arrays["8.kernel"] + np.random.default_rng(0).normal(0, 0.1, made.arrays["8.kernel"].shape)
    after = replace(made, arrays={**made.arrays, "8.kernel": kernel.astype(np.float32)})
    net, _, found = exported(made, after)
    assert list(found.rounded) == ["8"] and "proportion" in found.rounded["8"]
    assert {name.split(".")[0] for name in found.changed} == {"8"}
    old, new = weights_of(net), weights_of(found.net)
    assert {name for name in old if old[name] != new[name]} == {"8"}
    assert found.agreement > 0.97


@pytest.mark.parametrize("gain", [-1.0, 0.0])
def test_a_layer_with_a_gain_that_is_not_positive_is_rounded_anew(gain):
    made = example("cnn")
    after = with_array(made, "2.scale", 3, gain * made.arrays["2.scale"][3])
    with pytest.raises(Refused) as refused:
        exported(made, after, None)
    assert refused.value.reason is Reason.FROZEN_GRID_UNFIT and refused.value.field == "layers.1"
    net, _, found = exported(made, after)
    assert list(found.rounded) == ["1"]
    old, new = weights_of(net), weights_of(found.net)
    assert {name for name in old if old[name] != new[name]} == {"1"}
    assert found.agreement > 0.97


def test_a_bias_beyond_32_bits_is_made_anew():
    made = example("cnn")
    after = with_array(with_array(made, "2.variance", 1, 1e20), "2.offset", 1, 0.5)
    _, _, found = exported(made, after)
    assert list(found.rounded) == ["1"] and "32 bits" in found.rounded["1"]
    assert found.agreement > 0.97


def test_a_grid_that_cuts_too_much_off_moves_and_the_weights_stay():
    made = example("cnn")
    net, _, found = exported(made, louder(made, 8.0))
    assert "1" in found.regridded and "outside" in found.regridded["1"]
    assert found.fits["1"].saturation > 0.05
    assert weights_of(found.net) == weights_of(net) and not found.full
    values = windows(made, 300, seed=11)
    want = s.run(fold(louder(made, 8.0)), values)
    stuck = frozen_export(graph_of(net, made), made, louder(made, 8.0))  # without windows nobody can see it
    errors = [np.square(integer.logits(one.net, values) - want).mean() for one in (found, stuck)]
    assert errors[0] < 0.05 * errors[1]


def test_a_grid_that_is_too_coarse_moves_where_that_keeps_decisions():
    made = example("cnn")
    _, _, found = exported(made, louder(made, 1 / 300))
    assert "1" in found.regridded and found.fits["1"].error_ratio > 100
    assert found.agreement > 0.97


def test_weights_that_no_longer_serve_are_calibrated_from_scratch():
    made = example("cnn")
    net = int8_of(made)
    ruined = replace(
        net, layers=tuple(replace(x, weights=x.weights // 40) if isinstance(x, Linear) else x for x in net.layers)
    )
    found = frozen_export(graph_of(ruined, made), made, moved(made, size=0.02), windows(made, 200, seed=2))
    assert found.full and found.agreement > 0.97
    assert weights_of(found.net) != weights_of(ruined)


def test_a_base_of_another_model_is_refused():
    made = example("cnn")
    with pytest.raises(Refused) as refused:
        frozen_export(graph_of(int8_of(made), made), example("cnn", seed=1), made)
    assert refused.value.field == "base.graph"


def test_windows_that_do_not_fit_are_refused():
    made = example("cnn")
    with pytest.raises(Refused) as refused:
        frozen_export(graph_of(int8_of(made), made), made, made, np.zeros((3, 2, 1), np.float32))
    assert refused.value.reason is Reason.WINDOW_SHAPE_MISMATCH


def test_an_adapted_bundle_is_a_small_delta_of_its_base():
    made = example("separable")
    _, graph, found = exported(made, moved(made, size=0.05))
    describe = {"model": "toy", "task": made.task, "precision": "int8", "lineage": {}, "proofs": ()}
    base = pack_graph(graph, windows(made, 16), version="1", **describe)
    bundle = pack_adapted(archive.read(base), found.graph, version="2", lineage={"base": "1"})
    opened = archive.read(bundle)
    assert Runtime(opened).self_test() <= opened.manifest.self_test_tolerance / 8
    np.testing.assert_array_equal(opened.inputs, archive.read(base).inputs[:SELF_TEST_COUNT])
    delta = make(base, bundle)
    assert apply(base, delta) == bundle
    assert len(delta) < 600


def test_a_self_test_of_rounded_answers_still_sees_a_wrong_weight():
    made = example("separable")
    net, graph, _ = exported(made, made)
    describe = {"model": "toy", "task": made.task, "precision": "int8", "lineage": {}, "proofs": (), "version": "1"}
    base = archive.read(pack_graph(graph, windows(made, 16), **describe))
    right = archive.read(pack_adapted(base, graph, version="2"))
    last = net.layers[-1]
    wrong = replace(last, weights=last.weights + np.eye(*last.weights.shape[:2], dtype=np.int8)[:, :, None])
    spoilt = graph_of(replace(net, layers=(*net.layers[:-1], wrong)), made)
    files = {**right.files, "graph.onnx": spoilt}
    with pytest.raises(Refused) as refused:
        Runtime(replace(right, files=files)).self_test()
    assert refused.value.reason is Reason.SELF_TEST_FAILED


def test_rounding_moves_a_number_by_half_a_step_at_most():
    values = np.random.default_rng(0).normal(size=100).astype(np.float32)
    found = rounded(values, 0.01)
    assert np.abs(found - values).max() <= 0.005
    assert not (found % np.float32(2**-7)).any()


@pytest.fixture(scope="module")
def base() -> Model:
    values, labels = waves(2000, 0)
    recipe = Recipe(architecture="cnn", options={"widths": (16, 16), "sizes": (5, 3)}, epochs=8, batch_size=64)
    return pretrain(task(), values, labels, recipe=recipe).model


@pytest.fixture(scope="module")
def base_net(base: Model) -> Int8Net:
    return calibrate(fold(base), waves(600, 1)[0]).net


METHODS = {
    "input_statistics": "moments",
    "norm_statistics": "moments",
    "norm_affine": "information_maximisation",
    "film": "information_maximisation",
    "head": "cross_entropy",
}


@pytest.mark.parametrize("scope", METHODS)
def test_an_adapted_device_decides_as_after_a_calibration_from_scratch(base, base_net, scope):
    pool, truth = shifted(400, 2)
    labels = {"target_labels": truth} if scope == "head" else {}
    options = Options(steps=60)
    after = adapt(base, scope=scope, objective=METHODS[scope], target_values=pool, options=options, **labels).model
    found = frozen_export(to_bytes(int8_onnx(base_net, base.task)), base, after, pool)
    unseen, answers = shifted(2000, 3)
    whole = calibrate(fold(after), pool).net
    right = [(integer.logits(one, unseen).argmax(1) == answers).mean() for one in (found.net, whole)]
    assert right[0] >= right[1] - 0.005
    exact = logits(after, unseen).argmax(1)
    assert (integer.logits(found.net, unseen).argmax(1) == exact).mean() > 0.985


@pytest.mark.skipif(not DATA, reason="needs the public recordings (SLIPWAY_DATA)")
def test_a_recorded_rover_keeps_its_decisions():
    from sim.generate import windows as simulated
    from studies.rover import STUDIES

    study = STUDIES[0]
    import jax

    values, labels = (np.asarray(array) for array in simulated(study.world, jax.random.key(0), 6000))
    recipe = Recipe(architecture="mlp", options={"widths": (64, 64)}, epochs=4, batch_size=128, learning_rate=2e-3)
    made = pretrain(study.task, values, labels, recipe=recipe).model
    net = calibrate(fold(made), values[:2000]).net
    pool, test = study.load(Path(DATA or ""))
    after = adapt(made, scope="norm_statistics", objective="moments", target_values=pool.values).model
    found = frozen_export(to_bytes(int8_onnx(net, made.task)), made, after, pool.values)
    whole = calibrate(fold(after), pool.values).net
    right = [(integer.logits(one, test.values).argmax(1) == test.labels).mean() for one in (found.net, whole)]
    assert right[0] >= right[1] - 0.005
    assert weights_of(read(found.graph, fold(after), made.task)) == weights_of(net)
