"""The gate on a real recording: a device with other gains is brought back, a sound device is left alone."""

import os
from pathlib import Path

import numpy as np
import pytest

from adapters.choice import Plan, choose
from nets.inference import logits
from nets.pretraining import Recipe, pretrain
from tests.nets.tasks import task

FILE = Path(os.environ.get("SLIPWAY_DATA", "")) / "wall_following" / "wall_following.npz"
PLANS = {"spread": Plan("norm_affine", "information_maximisation")}


@pytest.fixture(scope="module")
def recording():
    if not os.environ.get("SLIPWAY_DATA") or not FILE.is_file():
        pytest.skip("no data")
    with np.load(FILE) as arrays:
        return arrays["x"][:, None, :].astype(np.float32), arrays["y"].astype(np.int32)


@pytest.fixture(scope="module")
def learned(recording):
    values, labels = recording
    end = int(0.3 * len(labels))
    return pretrain(task(24, 1, 4, "rover"), values[:end], labels[:end], recipe=Recipe("cnn", epochs=30))


@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_what_is_shipped_is_not_worse_than_the_base(recording, learned, gain):
    values, labels = recording
    pool = values[int(0.3 * len(labels)) : int(0.6 * len(labels))] * np.float32(gain)
    test = slice(int(0.6 * len(labels)) + 10, None)
    chosen = choose(learned.model, PLANS, target_values=pool, home_confidence=learned.confidence)
    before, after = (
        (logits(model, values[test] * np.float32(gain)).argmax(1) == labels[test]).mean()
        for model in (learned.model, chosen.model)
    )
    assert after >= before - 0.005


def test_a_pool_of_one_command_is_left_alone(recording, learned):
    values, labels = recording
    pool = values[: int(0.6 * len(labels))][labels[: int(0.6 * len(labels))] == 2][:400]
    assert not choose(learned.model, PLANS, target_values=pool, home_confidence=learned.confidence).decision.promoted
