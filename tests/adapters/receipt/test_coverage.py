"""Sets of classes: calibrated on the target where it has labels, else on the source, and honest about which."""

import numpy as np
import pytest

from adapters.engine import adapt
from adapters.receipt.coverage import cover
from nets.model import Model
from nets.windows import Windows
from tests.adapters.shifts import shifted
from tests.nets.tasks import waves

VALUES, LABELS = shifted(400, 8)
SOURCE = Windows(*waves(600, 9))
NONE = np.full(400, -1, np.int32)


@pytest.fixture(scope="module")
def adapted(base: Model) -> Model:
    return adapt(base, scope="input_statistics", objective="moments", target_values=VALUES).model


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_labels_of_the_target_calibrate_one_half_and_measure_the_other(
    base: Model, adapted: Model, share: float
) -> None:
    found = cover(base, adapted, Windows(VALUES, LABELS), SOURCE, share=share, seed=0)
    assert found is not None and found.calibrated_on == "target"
    assert found.calibration_count + found.realised_count == 400
    assert found.realised_high is not None and found.realised_high >= share
    assert len(found.thresholds) == 3 and 1 <= found.mean_size <= 3


def test_without_labels_the_source_calibrates_and_nothing_is_measured(base: Model, adapted: Model) -> None:
    found = cover(base, adapted, Windows(VALUES, NONE), SOURCE, share=0.9, seed=0)
    assert found is not None
    assert (found.calibrated_on, found.calibration_count, found.realised_coverage) == ("source", 600, None)
    assert "differs from them in how often the classes occur" in found.assumption


def test_a_few_labels_measure_what_the_source_calibrated(base: Model, adapted: Model) -> None:
    few = np.where(np.arange(400) < 30, LABELS, -1).astype(np.int32)
    found = cover(base, adapted, Windows(VALUES, few), SOURCE, share=0.9, seed=0)
    assert found is not None and (found.calibrated_on, found.realised_count) == ("source", 30)


def test_measuring_shows_where_the_assumption_fails(base: Model) -> None:
    """The planted fault: an unadapted base on a device it misreads, calibrated at home."""
    few = np.where(np.arange(400) < 49, LABELS, -1).astype(np.int32)
    found = cover(base, base, Windows(VALUES, few), SOURCE, share=0.95, seed=0)
    assert found is not None and found.realised_high is not None
    assert found.realised_high < 0.95


def test_nothing_is_promised_without_labels_and_source(base: Model) -> None:
    assert cover(base, base, Windows(VALUES, NONE), None, share=0.9, seed=0) is None
