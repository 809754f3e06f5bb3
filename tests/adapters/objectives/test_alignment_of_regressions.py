"""Alignment looks at features only: it serves tasks that answer with numbers as well."""

import numpy as np
import pytest

from adapters.engine import adapt
from adapters.objective import OUTPUTS, Objective
from adapters.objectives.cdan import CDAN
from adapters.objectives.codats import CODATS
from adapters.objectives.coral import CORAL
from adapters.objectives.coral_map import CORAL_MAP
from adapters.objectives.dann import DANN
from adapters.objectives.homm import HOMM
from adapters.objectives.mcd import MCD
from adapters.objectives.mmd import MMD
from adapters.objectives.squared_error import SQUARED_ERROR
from adapters.objectives.subspace import SUBSPACE
from adapters.objectives.transport import TRANSPORT
from adapters.options import Options
from nets.inference import logits
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from slipway.errors import Refused
from slipway.spec import Channel, TaskSpec
from tests.adapters.objectives.two_domains import beside
from tests.adapters.shifts import GAIN, OFFSET
from tests.nets.tasks import task

AMPLITUDE = TaskSpec("amplitude", task().sensor, outputs=(Channel("amplitude", "m"),))
RECIPE = Recipe("mlp", {"widths": (24, 12)}, epochs=12, batch_size=64, learning_rate=5e-3)


def swings(count, seed):
    """Windows (count, 16, 3) of noisy waves, and how far they swing (count, 1)."""
    random = np.random.default_rng(seed)
    amplitude = random.uniform(0.5, 2.0, (count, 1))
    phase = random.uniform(0, 2 * np.pi, (count, 1, 1))
    time = np.arange(16)[None, :, None] / 16
    clean = amplitude[:, :, None] * np.sin(2 * np.pi * time + phase + np.array([0.0, 0.7, 1.9]))
    noisy = clean + 0.1 * random.standard_normal(clean.shape)
    return noisy.astype(np.float32), amplitude.astype(np.float32)


def away(count, seed):
    """The same on a device with other gains and offsets."""
    values, answers = swings(count, seed)
    return (values * np.sqrt(GAIN) + OFFSET / 4).astype(np.float32), answers


def error(model, values, answers) -> float:
    return float(np.sqrt(np.square(logits(model, values) - answers).mean()))


@pytest.fixture(scope="module")
def meter() -> Model:
    return pretrain(AMPLITUDE, *swings(800, 0), recipe=RECIPE).model


@pytest.mark.parametrize("term", [CORAL_MAP, SUBSPACE, TRANSPORT], ids=lambda term: term.name)
def test_closed_forms_lower_the_error(meter, term):
    pool, test = away(300, 1)[0], away(400, 2)
    mapped = adapt(
        meter, scope="head", objective=Objective((term,), (1.0,)), target_values=pool, source_values=swings(300, 0)[0]
    )
    assert error(mapped.model, *test) < error(meter, *test)


@pytest.mark.parametrize("term", [MMD, CORAL, HOMM, DANN, CODATS], ids=lambda term: term.name)
def test_gradients_lower_the_error(meter, term):
    home, answers = swings(300, 0)
    adapted = adapt(
        meter,
        scope="full",
        objective=beside(SQUARED_ERROR, term),
        target_values=away(300, 1)[0],
        source_values=home,
        source_labels=answers,
        options=Options(steps=150),
    )
    assert error(adapted.model, *away(400, 2)) < 0.9 * error(meter, *away(400, 2))


@pytest.mark.parametrize("term", [CDAN, MCD], ids=lambda term: term.name)
def test_what_needs_class_probabilities_is_refused(meter, term):
    assert OUTPUTS not in term.kinds
    home, answers = swings(9, 0)
    with pytest.raises(Refused, match=term.name):
        adapt(meter, scope="full", objective=beside(SQUARED_ERROR, term), target_values=home, source_values=home,
              source_labels=answers)  # fmt: skip
