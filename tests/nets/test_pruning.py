"""Structured pruning: which channels can leave, what stays the same, and which matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.architectures import cnn, ds_cnn, mlp
from nets.channel_importance import importance
from nets.channels import Channels, prunable
from nets.inference import log_softmax, logits
from nets.layers import (
    BatchNorm,
    ChannelsAsTime,
    Conv,
    Dense,
    Flatten,
    Layers,
    MaxPool,
    Normalize,
    Relu,
    all_array_shapes,
)
from nets.model import Model
from nets.pruning import best, keep, prune
from slipway.errors import Refused
from slipway.spec import Channel
from tests.nets.models import small
from tests.nets.tasks import task, waves

FLAT = (Normalize(), Conv(8, 3), BatchNorm(), Relu(), MaxPool(2), Flatten(), Dense(6), Relu(), Dense(3))
NETS: dict[str, Layers] = {
    "cnn": cnn(task(), widths=(8, 12), sizes=(3, 3), hidden=(8,)),
    "separable": ds_cnn(task(), widths=(8, 12, 8), sizes=(3, 4, 3)),
    "dense": mlp(task(), widths=(12, 8)),
    "flattened": FLAT,
    "biased": (Normalize(), Conv(8, 3, bias=True), Relu(), Conv(5, 2, stride=2, bias=True), Flatten(), Dense(3)),
}


def values(count: int = 12) -> np.ndarray:
    return waves(count, 0)[0]


def silenced(model: Model, maker: int, channels: np.ndarray) -> Model:
    """The same network where some channels of a layer are zero wherever their reader looks."""
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    group = next(one for one in prunable(model.layers, model.task.sensor.window_shape) if one.maker == maker)
    for index in (maker, *group.on_the_way):
        for name in ("kernel", "bias", "mean", "offset"):
            if f"{index}.{name}" in arrays:
                arrays[f"{index}.{name}"][..., channels] = 0
    return Model(model.task, model.layers, arrays)


@pytest.mark.parametrize("name", NETS)
def test_taking_away_channels_that_are_zero_changes_no_answer(name: str) -> None:
    model = small(layers=NETS[name])
    for group in prunable(model.layers, model.task.sensor.window_shape):
        gone = np.array([1, group.count - 2])
        stay = np.setdiff1d(np.arange(group.count), gone)
        zeroed = silenced(model, group.maker, gone)
        found = keep(zeroed, {group.maker: stay})
        np.testing.assert_allclose(logits(found, values()), logits(zeroed, values()), rtol=1e-5, atol=1e-5)
        kept_wrong = keep(zeroed, {group.maker: np.setdiff1d(np.arange(group.count), gone - 1)})
        assert np.abs(logits(kept_wrong, values()) - logits(zeroed, values())).max() > 1e-3


@pytest.mark.parametrize("name", NETS)
def test_what_is_left_is_a_network_of_the_same_records(name: str) -> None:
    model = small(layers=NETS[name])
    found = prune(model, 0.5)
    assert [type(layer) for layer in found.layers] == [type(layer) for layer in model.layers]
    expected = all_array_shapes(found.layers, found.task.sensor.window_shape)
    assert {key: array.shape for key, array in found.arrays.items()} == expected
    groups = prunable(model.layers, model.task.sensor.window_shape)
    for group, left in zip(groups, prunable(found.layers, found.task.sensor.window_shape), strict=True):
        assert left.count == max(4 * round(group.count / 8), 4)


@pytest.mark.parametrize("name", NETS)
def test_keeping_all_is_the_network_itself(name: str) -> None:
    model = small(layers=NETS[name])
    found = prune(model, 1.0, multiple=1)
    assert found.layers == model.layers
    assert all(np.array_equal(found.arrays[key], array) for key, array in model.arrays.items())


def test_the_output_layer_and_layers_that_mix_in_groups_are_left_alone() -> None:
    shape = (16, 3)
    grouped = (Normalize(), Conv(8, 3), Relu(), Conv(8, 3, groups=2), Relu(), Flatten(), Dense(3))
    assert [one.maker for one in prunable(grouped, shape)] == []
    ring = (Normalize(), Conv(1, 16), ChannelsAsTime(), Flatten(), Dense(3))
    assert prunable((ring[0], Conv(4, 3, stride=16), *ring[2:]), shape) == ()
    assert [one.maker for one in prunable(NETS["cnn"], shape)] == [
        index for index, layer in enumerate(NETS["cnn"]) if isinstance(layer, Conv | Dense)
    ][:-1]


@given(scores=st.lists(st.integers(0, 5), min_size=1, max_size=12), share=st.floats(0.1, 1))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_best_are_the_largest_in_their_order(scores: list[int], share: float) -> None:
    count = max(round(share * len(scores)), 1)
    found = best(np.array(scores), count)
    assert len(found) == count and (np.diff(found) > 0).all()
    rest = np.delete(scores, found)
    assert not len(rest) or np.min(np.array(scores)[found]) >= rest.max()


@pytest.mark.parametrize("name", NETS)
def test_importance_is_the_divergence_that_a_slightly_weaker_channel_causes(name: str) -> None:
    """Against the definition: KL of networks whose reader sees 1 ± e of the channel, over e squared."""
    model, seen, step = small(layers=NETS[name]), values(70), 0.02
    scores = importance(model, seen)
    before = log_softmax(logits(model, seen))

    def divergence(group: Channels, channel: int, factor: float) -> float:
        kernel = model.arrays[f"{group.reader}.kernel"].copy()
        kernel[..., channel + group.count * np.arange(group.rows), :] *= np.float32(factor)
        changed = Model(model.task, model.layers, {**model.arrays, f"{group.reader}.kernel": kernel})
        return float((np.exp(before) * (before - log_softmax(logits(changed, seen)))).sum(1).mean())

    for group in prunable(model.layers, model.task.sensor.window_shape):
        for channel in (0, group.count - 1):
            expected = sum(divergence(group, channel, 1 + sign * step) for sign in (-1, 1)) / (2 * step**2)
            assert scores[group.maker][channel] == pytest.approx(expected, rel=0.1, abs=2e-4)


def test_a_silent_channel_has_no_importance_by_either_measure() -> None:
    model = silenced(small(layers=NETS["separable"]), 1, np.array([3]))
    for scores in (importance(model), importance(model, values())):
        assert scores[1][3] == 0
        assert (np.delete(scores[1], 3) > 0).all()


def test_a_regressions_importance_does_not_depend_on_the_outputs_unit() -> None:
    known = task()
    asked = type(known)(known.name, known.sensor, outputs=(Channel("angle", "rad"), Channel("speed", "rad/s")))
    layers = cnn(asked, widths=(8, 8), sizes=(3, 3))
    model = small(asked, layers=layers)
    head = f"{len(layers) - 1}"
    scaled = {f"{head}.{name}": 1000 * model.arrays[f"{head}.{name}"] for name in ("kernel", "bias")}
    other = Model(asked, layers, {**model.arrays, **scaled})
    for maker, scores in importance(model, values()).items():
        np.testing.assert_allclose(importance(other, values())[maker], scores, rtol=1e-3)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(Refused, match="share: needs a number over 0"):
        prune(small(), share)


def test_layers_without_such_channels_are_refused() -> None:
    with pytest.raises(Refused, match="cannot be taken away"):
        keep(small(), {99: np.array([0])})
    with pytest.raises(Refused, match="cannot be taken away"):
        keep(small(), {1: np.array([], np.int64)})
    with pytest.raises(Refused, match="no channel can be taken away"):
        prune(small(layers=(Normalize(), Flatten(), Dense(3))), 0.5)
    with pytest.raises(Refused, match="values"):
        importance(small(), values()[:0])
