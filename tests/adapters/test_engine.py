"""A base, a scope and an objective make an adapted model; nothing outside the scope changes."""

import json

import numpy as np
import pytest

from adapters.catalog import scope
from adapters.engine import adapt
from adapters.options import Options
from nets.checkpoints import Checkpoint
from nets.model import changed_arrays
from nets.training import Cancelled
from slipway.errors import Reason, Refused
from tests.adapters.shifts import accuracy, shifted
from tests.nets.tasks import waves

FAST = Options(steps=40)
POOL, LABELS = shifted(400, 1)
TEST = shifted(600, 2)
SOURCE = dict(zip(("source_values", "source_labels"), waves(400, 0), strict=True))


def few(per_class):
    """``per_class`` labels of each class, the others hidden."""
    labels = np.full(len(LABELS), -1, np.int32)
    for label in np.unique(LABELS):
        rows = np.flatnonzero(label == LABELS)[:per_class]
        labels[rows] = label
    return labels


PAIRS = [
    ("input_statistics", "moments", {}),
    ("norm_statistics", "moments", {}),
    ("input_statistics + norm_statistics", "moments", {}),
    ("head", "cross_entropy", {"target_labels": few(5)}),
    ("top(2)", "cross_entropy", {"target_labels": few(5)}),
    ("norm_affine", "information_maximisation", {}),
    ("norm_statistics + norm_affine", "moments + information_maximisation", {}),
    ("full", "coral*0.5 + cross_entropy", SOURCE),
]


@pytest.mark.parametrize(("names", "objective", "data"), PAIRS, ids=[f"{s} x {o}" for s, o, _ in PAIRS])
def test_only_the_scope_changes(base, names, objective, data):
    adapted = adapt(base, scope=names, objective=objective, target_values=POOL, options=FAST, **data)
    changed = changed_arrays(base, adapted.model)
    assert changed.keys() <= scope(names).names(base)
    assert changed and set(adapted.report.changed) == changed.keys()
    assert adapted.report.size_bytes == sum(array.nbytes for array in changed.values())
    assert all(np.isfinite(array).all() for array in adapted.model.arrays.values())
    json.dumps(adapted.report.to_json())


def test_statistics_bring_a_shifted_device_back(base):
    assert accuracy(base, *TEST) < 0.7
    adapted = adapt(base, scope="input_statistics", objective="moments", target_values=POOL)
    assert accuracy(adapted.model, *TEST) > 0.9


def test_labels_help_and_few_do_not_destroy(base):
    home, at_home = waves(400, 3), waves(600, 4)
    before = accuracy(base, *at_home)
    for names in ("head", "top(2)", "full"):
        labels = np.where(np.arange(400) < 12, home[1], -1).astype(np.int32)
        adapted = adapt(base, scope=names, objective="cross_entropy", target_values=home[0], target_labels=labels)
        assert accuracy(adapted.model, *at_home) > before - 0.03
    adapted = adapt(base, scope="full", objective="cross_entropy", target_values=POOL, target_labels=LABELS)
    assert accuracy(adapted.model, *TEST) > 0.9


def test_the_seed_fixes_everything(base):
    one, same = (adapt(base, scope="head", objective="cross_entropy", target_values=POOL, target_labels=few(5),
                       options=FAST, seed=3).model for _ in range(2))  # fmt: skip
    assert not changed_arrays(one, same)


def test_a_killed_adaptation_resumes_to_the_same_numbers(base, tmp_path):
    chosen = {
        "scope": "head",
        "objective": "cross_entropy",
        "target_values": POOL,
        "target_labels": few(9),
        "options": FAST,
    }
    whole = adapt(base, **chosen).model
    asked = iter([False] * 5 + [True])
    with pytest.raises(Cancelled):
        adapt(base, **chosen, checkpoint=Checkpoint(tmp_path), should_stop=lambda: next(asked))
    assert not changed_arrays(whole, adapt(base, **chosen, checkpoint=Checkpoint(tmp_path)).model)


@pytest.mark.parametrize(
    ("names", "objective", "data", "reason", "field"),
    [
        ("head", "cross_entropy", {}, Reason.LABELS_MISSING, "target_labels"),
        ("full", "coral", {}, Reason.SOURCE_MISSING, "source_values"),
        ("norm_statistics", "information_maximisation", {}, Reason.FIELD_INVALID, "scope"),
        ("head", "moments", {}, Reason.FIELD_INVALID, "scope"),
        ("head", "cross_entropy", {"target_labels": np.full(400, 7)}, Reason.LABEL_OUTSIDE_CLASSES, "target_labels"),
        ("head", "cross_entropy", {"target_labels": np.zeros(3, int)}, Reason.FIELD_INVALID, "target_labels"),
        ("head", "moments", {"target_values": POOL[:, :5]}, Reason.WINDOW_SHAPE_MISMATCH, "target_values"),
        ("head", "moments", {"target_values": POOL[:0]}, Reason.FIELD_REQUIRED, "target_values"),
        ("head", "moments", {"target_values": POOL * np.nan}, Reason.SAMPLE_NOT_FINITE, "target_values"),
        ("full", "coral", {"source_values": POOL * np.inf}, Reason.SAMPLE_NOT_FINITE, "source_values"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(base, names, objective, data, reason, field):
    with pytest.raises(Refused) as refused:
        adapt(base, scope=names, objective=objective, **{"target_values": POOL, **data})
    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"learning_rate": 0.0},
        {"label_smoothing": 1.0},
        {"marginal": "guess"},
        {"pull_to_base": float("nan")},
    ],
)
def test_options_have_limits(options):
    with pytest.raises(Refused) as refused:
        Options(**options)
    assert refused.value.field == f"options.{next(iter(options))}"


CONSTANT = POOL.copy()
CONSTANT[:, :, 0] = 4.0
POOLS = {
    "one window": POOL[:1],
    "one class": POOL[LABELS == 0],
    "constant channel": CONSTANT,
    "all alike": POOL[:1].repeat(50, 0),
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS.keys())
@pytest.mark.parametrize(
    ("names", "objective"),
    [
        ("input_statistics", "moments"),
        ("norm_statistics", "moments"),
        ("norm_affine", "information_maximisation"),
        ("norm_statistics + norm_affine", "information_maximisation"),
    ],
)
def test_poor_pools_never_give_numbers_that_are_not_finite(base, names, objective, pool):
    adapted = adapt(base, scope=names, objective=objective, target_values=pool, options=FAST)
    assert all(np.isfinite(array).all() for array in adapted.model.arrays.values())
