"""Trainings as lanes of one program: each ends as it would alone, whatever happens in the others."""

import numpy as np
import optax
import pytest

from nets.architectures import cnn, mlp
from nets.lane import NO_SIZES, Lane, Sizes
from nets.lanes import train_lanes
from nets.losses import cross_entropy
from nets.network import initial_arrays
from nets.training import Cancelled, Trained, Validation, train
from nets.windows import Windows
from slipway.errors import Reason, Refused
from tests.nets.tasks import task, waves

LAYERS = mlp(task(), widths=(8,), dropout=0.1)
ARRAYS = initial_arrays(LAYERS, (16, 3), 0)
# A bias before a normalisation has no gradient: its steps would be rounding noise, made large by Adam.
LEARNED = frozenset(name for name in ARRAYS if name.split(".")[1] in ("kernel", "scale", "offset"))
AFFINE = frozenset(name for name in ARRAYS if name.split(".")[1] in ("scale", "offset"))
HEAD = frozenset({f"{len(LAYERS) - 1}.kernel", f"{len(LAYERS) - 1}.bias"})
RATED = optax.inject_hyperparams(optax.adam)(learning_rate=1.0)
POOL = Windows(*waves(100, 0))


def adam(rate):
    def initial(arrays):
        state = RATED.init(arrays)
        return state._replace(hyperparams={**state.hyperparams, "learning_rate": np.float32(rate)})

    return optax.GradientTransformation(initial, RATED.update)


def loss(network, batch, key):
    windows = batch.groups["source"]
    weighted = batch.constants["weight"] * cross_entropy(network(windows.values, True, key), windows.labels)
    return weighted * (1 - 0.5 * batch.progress)


def lane(rate=1e-2, weight=1.0, **options):
    defaults = {"layers": LAYERS, "arrays": ARRAYS, "groups": {"source": POOL}, "loss": loss, "optimizer": adam(rate),
                "trainable": LEARNED, "epochs": 4, "batch_size": 32, "seed": 3,
                "constants": {"weight": np.float32(weight)}}  # fmt: skip
    return Lane(**{**defaults, **options})


def alone(lane):
    return train(**{name: getattr(lane, name) for name in Lane.__dataclass_fields__})


def assert_same(found, expected):
    assert found.best_epoch == expected.best_epoch and len(found.curve) == len(expected.curve)
    for row, other in zip(found.curve, expected.curve, strict=True):
        assert row.loss == pytest.approx(other.loss, rel=1e-5) if other.loss else row.loss == other.loss
    for name, array in expected.arrays.items():
        np.testing.assert_allclose(found.arrays[name], array, rtol=1e-5, atol=1e-5)


HELD_OUT = Validation(Windows(*waves(60, 1)))
MISLED = Validation(Windows(HELD_OUT.windows.values, (HELD_OUT.windows.labels + 1) % 3))  # better is worse
CNN = cnn(task(), widths=(4,), sizes=(3,))
BACKBONE = initial_arrays(CNN, (16, 3), 0)
FAMILIES = {
    "seeds, rates and weights": [lane(), lane(seed=7, rate=3e-3, weight=0.2)],
    "adapters on a shared backbone": [
        lane(layers=CNN, arrays=BACKBONE, trainable=frozenset({"2.scale", "2.offset"}), seed=seed) for seed in (0, 1)
    ],
    "ragged pools of their own": [lane(groups={"source": Windows(*waves(n, n))}) for n in (100, 70)],
    "other starting points": [lane(arrays=initial_arrays(LAYERS, (16, 3), seed)) for seed in (0, 1)],
    "other lengths": [lane(epochs=1), lane(epochs=5)],
    "each stops by its own validation set": [
        lane(validation=validation, patience=3, epochs=8) for validation in (HELD_OUT, MISLED)
    ],
}


@pytest.mark.parametrize("lanes", FAMILIES.values(), ids=FAMILIES.keys())
def test_a_lane_ends_as_it_would_alone(lanes):
    for found, one in zip(train_lanes(lanes), lanes, strict=True):
        assert_same(found, alone(one))


def test_lanes_that_stop_early_do_not_all_stop_together():
    found = train_lanes(FAMILIES["each stops by its own validation set"])
    assert len({len(one.curve) for one in found}) > 1


def test_padding_changes_nothing():
    lanes = FAMILIES["ragged pools of their own"]
    for one, other in zip(train_lanes(lanes), train_lanes(lanes, sizes=Sizes({"source": 160}, 5, 2)), strict=True):
        assert_same(one, other)


def test_padded_windows_are_never_seen():
    """The planted fault: were they, the numbers in them would show."""
    few, many = (lane(groups={"source": Windows(*waves(count, count))}) for count in (48, 112))
    assert_same(train_lanes([few, many])[0], train_lanes([few])[0])


def test_one_that_diverges_is_refused_and_harms_no_other():
    sound = lane()
    found, bad = train_lanes([sound, lane(weight=np.inf)])
    assert isinstance(bad, Refused)
    assert (bad.reason, bad.details["epoch"]) == (Reason.TRAINING_DIVERGED, "1")
    assert_same(found, alone(sound))


def test_lanes_of_different_forms_are_not_mixed():
    assert lane().form == lane(rate=0.5, seed=1, weight=3.0, epochs=9).form
    for other in (lane(trainable=HEAD), lane(batch_size=16), lane(loss=lambda network, batch, key: 0.0)):
        assert other.form != lane().form
        with pytest.raises(ValueError, match="forms"):
            train_lanes([lane(), other])


def test_sizes_only_grow():
    first = NO_SIZES.covering([lane()])
    assert first.covering([lane(groups={"source": Windows(*waves(20, 0))})]) == first
    assert first.covering([lane(groups={"source": Windows(*waves(300, 0))})]).rows["source"] == 320


def test_it_stops_when_asked():
    with pytest.raises(Cancelled, match="epoch 1"):
        train_lanes([lane(), lane()], should_stop=lambda: True)


def test_what_is_alike_is_kept_once():
    found = train_lanes([lane(trainable=AFFINE, seed=seed) for seed in (0, 1)])
    assert all(isinstance(one, Trained) for one in found)
    kernel = next(name for name in ARRAYS if name.endswith("kernel"))
    assert found[0].arrays[kernel] is found[1].arrays[kernel] is ARRAYS[kernel]
