"""Candidates and devices side by side: each outcome is what it would be alone."""

import tracemalloc
from itertools import count, islice

import numpy as np
import pytest

from adapters.engine import adapt
from adapters.fleet.fleet import Device, adapt_fleet
from adapters.fleet.many import Plan, adapt_many
from adapters.options import Options
from slipway.errors import Reason, Refused
from tests.adapters.shifts import GAIN, OFFSET, shifted
from tests.nets.tasks import waves

FAST = Options(steps=12, batch_size=32)
POOL, LABELS = shifted(120, 1)
SOURCE = dict(zip(("source_values", "source_labels"), waves(100, 0), strict=True))
FEW = np.where(np.arange(120) < 24, LABELS, -1).astype(np.int32)


def assert_same(found, expected):
    assert (found.report.changed, found.report.windows) == (expected.report.changed, expected.report.windows)
    assert found.report.best_epoch == expected.report.best_epoch
    assert len(found.report.curve) == len(expected.report.curve)
    for name, array in expected.model.arrays.items():
        np.testing.assert_allclose(found.model.arrays[name], array, rtol=1e-5, atol=1e-5)


def device(index, size=60):
    values, labels = shifted(size, 100 + index)
    return Device(f"device {index}", (values * np.float32(1 + 0.1 * index)).astype(np.float32), labels)


PLANS = {
    "seeds, rates, weights and pulls": [
        Plan("norm_affine", "information_maximisation", FAST),
        Plan("norm_affine", "information_maximisation*0.3", Options(steps=12, batch_size=32, learning_rate=1e-2), 4),
        Plan("norm_affine", "information_maximisation", Options(steps=12, batch_size=32, pull_to_base=1.0), 2),
    ],
    "labels held out by seed, then all learned": [Plan("head", "cross_entropy", FAST, seed) for seed in (0, 1)],
    "shapes that do not agree": [
        Plan("norm_statistics", "moments"),
        Plan("input_statistics", "moments"),
        Plan("norm_statistics + head", "moments + information_maximisation", FAST),
    ],
    "statistics that follow the batches": [Plan("full", "coral*0.5 + cross_entropy", FAST, seed) for seed in (0, 1)],
}


@pytest.mark.slow
@pytest.mark.parametrize("plans", PLANS.values(), ids=PLANS.keys())
def test_a_candidate_ends_as_it_would_alone(base, plans):
    data = {"target_values": POOL, "target_labels": FEW, **SOURCE}
    for found, plan in zip(adapt_many(base, plans, **data), plans, strict=True):
        expected = adapt(base, scope=plan.scope, objective=plan.objective, options=plan.options, seed=plan.seed, **data)
        assert_same(found, expected)


def test_a_candidate_that_is_refused_harms_no_other(base):
    plans = [Plan("head", "moments"), Plan("norm_statistics", "moments"), Plan("full", "coral"),
             Plan("norm_statistics", "information_maximisation")]  # fmt: skip
    found = adapt_many(base, plans, target_values=POOL)
    assert [getattr(one, "reason", None) for one in found] == [
        Reason.FIELD_INVALID, None, Reason.SOURCE_MISSING, Reason.FIELD_INVALID,
    ]  # fmt: skip


METHODS = [
    ("norm_statistics", "moments"),
    ("input_statistics + norm_statistics", "moments"),
    ("norm_affine", "information_maximisation"),
    ("head", "cross_entropy"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("scope", "objective"), METHODS, ids=[f"{s} x {o}" for s, o in METHODS])
def test_a_device_of_a_ragged_fleet_ends_as_it_would_alone(base, scope, objective):
    devices = [device(0, 60), device(1, 44)]
    method = {"scope": scope, "objective": objective, "options": FAST}
    for (name, found), one in zip(adapt_fleet(base, devices, batch=2, **method), devices, strict=True):
        assert name == one.name
        assert_same(found, adapt(base, target_values=one.values, target_labels=one.labels, **method))


def test_a_fleet_of_small_pools_is_padded_with_nothing_that_counts(base):
    """The planted fault: were padding counted, a large neighbour would change a small device."""
    method = {"scope": "norm_statistics", "objective": "moments"}
    small = device(1, 3)
    (_, alone), *_ = adapt_fleet(base, [small], batch=1, **method)
    (_, beside), *_ = adapt_fleet(base, [small, device(2, 200)], batch=2, **method)
    assert_same(beside, alone)


def broken(values):
    return Device("broken", values, None)


BROKEN = {
    "nothing measured": (POOL[:0], Reason.FIELD_REQUIRED),
    "not a number": (POOL * np.nan, Reason.SAMPLE_NOT_FINITE),
    "other shape": (POOL[:, :5], Reason.WINDOW_SHAPE_MISMATCH),
    "too large to compute with": (np.full_like(POOL, 3e38) * np.sign(POOL), Reason.TRAINING_DIVERGED),
}


@pytest.mark.parametrize(("values", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_one_bad_device_is_refused_and_harms_no_other(base, values, reason):
    method = {"scope": "norm_affine", "objective": "information_maximisation", "options": FAST}
    good = device(0, 120)
    (_, first), (_, bad), (_, last) = adapt_fleet(base, [good, broken(values), good], batch=3, **method)
    assert isinstance(bad, Refused) and bad.reason is reason and bad.remedy
    expected = adapt(base, target_values=good.values, **method)
    assert_same(first, expected)
    assert_same(last, expected)


def test_devices_are_taken_only_as_they_are_needed(base):
    taken = []

    def endless():
        for index in count():
            taken.append(index)
            yield device(index % 3, 20)

    outcomes = adapt_fleet(base, endless(), scope="input_statistics", objective="moments", batch=4)
    assert len(list(islice(outcomes, 5))) == 5 and len(taken) == 8


def test_memory_grows_with_the_batch_and_not_with_the_fleet(base):
    values = POOL[:40]

    def peak(devices, batch):
        stream = (Device(str(i), values * np.float32(1 + i / 1000)) for i in range(devices))
        tracemalloc.start()
        for _ in adapt_fleet(base, stream, scope="input_statistics", objective="moments", batch=batch):
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(8, 4)
    assert peak(400, 4) < 2 * peak(40, 4)  # ten times the devices; what else the process keeps makes some noise
    assert peak(40, 40) > 3 * peak(40, 4)


def test_a_fleet_adapts_each_device_to_itself(base):
    home, _ = waves(300, 5)
    devices = [Device("home", home), Device("away", (home * GAIN + OFFSET).astype(np.float32))]
    (_, one), (_, other) = adapt_fleet(base, devices, scope="input_statistics", objective="moments")
    np.testing.assert_allclose(other.model.arrays["0.deviation"], one.model.arrays["0.deviation"] * GAIN, rtol=1e-4)


@pytest.mark.parametrize("batch", [0, -1, 100_000])
def test_a_batch_has_limits(base, batch):
    with pytest.raises(Refused, match="batch"):
        adapt_fleet(base, [], scope="input_statistics", objective="moments", batch=batch)
