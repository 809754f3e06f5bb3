"""A base that is good at home, made once."""

import pytest

from adapters.sensor.fault import no_fault
from nets.model import Model
from nets.pretraining import Pretrained, Recipe, pretrain
from tests.adapters.devices import moved, read, worn
from tests.nets.tasks import task, waves

RECIPE = Recipe("cnn", {"widths": (8, 16), "sizes": (5, 3)}, epochs=12, batch_size=64, learning_rate=5e-3)


@pytest.fixture(scope="session")
def pretrained() -> Pretrained:
    return pretrain(task(), *waves(1200, 0), recipe=RECIPE)


@pytest.fixture(scope="session")
def base(pretrained) -> Model:
    return pretrained.model


@pytest.fixture(scope="session")
def worn_trained() -> Pretrained:
    true, labels = moved(600, 0)
    return pretrain(worn(), read(true, no_fault(6)), labels, recipe=RECIPE)


@pytest.fixture(scope="session")
def worn_model(worn_trained) -> Model:
    return worn_trained.model
