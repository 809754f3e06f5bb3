"""Whatever a batch is like, a loss and its gradient are finite."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.objective import CLASSES, OUTPUTS, Term
from adapters.objectives.aad import AAD
from adapters.objectives.consistency import CONSISTENCY
from adapters.objectives.cross_entropy import CROSS_ENTROPY
from adapters.objectives.distillation import DISTILLATION
from adapters.objectives.entropy import ENTROPY
from adapters.objectives.information_maximisation import INFORMATION_MAXIMISATION
from adapters.objectives.l2_sp import L2_SP
from adapters.objectives.masked import MASKED
from adapters.objectives.mixup import MIXUP
from adapters.objectives.nrc import NRC
from adapters.objectives.open_set import OPEN_SET
from adapters.objectives.pseudo_labels import PSEUDO_LABELS
from adapters.objectives.squared_error import SQUARED_ERROR
from adapters.objectives.virtual_adversarial import VIRTUAL_ADVERSARIAL
from nets.windows import Windows
from tests.adapters.objectives.sight import CLASSIFIER, REGRESSION, own_numbers, seen, small

TERMS = (
    AAD,
    CONSISTENCY,
    CROSS_ENTROPY,
    DISTILLATION,
    ENTROPY,
    INFORMATION_MAXIMISATION,
    L2_SP,
    MASKED,
    MIXUP,
    NRC,
    OPEN_SET,
    PSEUDO_LABELS,
    SQUARED_ERROR,
    VIRTUAL_ADVERSARIAL,
)
NOISE = np.random.default_rng(0).standard_normal((5, 16, 3)).astype(np.float32)
CONSTANT_CHANNEL = NOISE * np.array([1, 0, 1], np.float32) + np.float32(7)
POOLS = {
    "noise": NOISE,
    "all zero": 0 * NOISE,
    "constant": 0 * NOISE + 3,
    "all alike": NOISE[:1].repeat(5, 0),
    "a constant channel": CONSTANT_CHANNEL,
    "far off": 1e4 * NOISE,
    "saturated": np.clip(1e6 * NOISE, -1e3, 1e3),
    "tiny": 1e-20 * NOISE,
}


def program(kind, terms):
    """Arrays, and (arrays, target values, source values, labels) → slopes and losses of every term, as one program."""
    model = small(CLASSIFIER if kind == CLASSES else REGRESSION)

    def losses(arrays, target, source, labels):
        pools = Windows(target, labels), Windows(source, labels)
        marginal = jnp.full(model.task.answer_size, 1 / model.task.answer_size)
        found = [term.loss(seen(model, term, arrays, *pools, marginal=marginal)) for term in terms]
        return jnp.stack(found), jnp.stack(found)

    arrays = dict(model.arrays)
    for term in terms:
        arrays |= own_numbers(model, term)
    return arrays, jax.jit(jax.jacrev(losses, has_aux=True))


@lru_cache(maxsize=8)
def ours(kind):
    """The terms of that kind, and their program."""
    terms = [term for term in TERMS if kind in term.kinds]
    return terms, *program(kind, terms)


def unsound(terms, slopes, losses):
    """Names of the terms that gave a number that is not finite."""
    fine = [
        np.isfinite(losses[index]) and all(np.isfinite(slope[index]).all() for slope in slopes.values())
        for index in range(len(terms))
    ]
    return [term.name for term, is_fine in zip(terms, fine, strict=True) if not is_fine]


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("kind", [CLASSES, OUTPUTS])
@settings(max_examples=40, derandomize=True)
@given(
    target=st.sampled_from(sorted(POOLS)),
    source=st.sampled_from(sorted(POOLS)),
    label=st.sampled_from(["known", "unknown", "one class"]),
    head=st.sampled_from([0.0, 1.0, 300.0]),
)
def test_losses_and_gradients_are_finite(kind, count, target, source, label, head):
    terms, arrays, run = ours(kind)
    arrays = {**arrays, "4.kernel": arrays["4.kernel"] * np.float32(head)}
    found = run(arrays, POOLS[target][:count], POOLS[source][:count], labels(kind, label, count))
    assert unsound(terms, *found) == []


def test_a_length_without_a_floor_is_found():
    careless = Term("careless", frozenset(), lambda seen: jnp.sqrt(jnp.square(seen.target.logits).sum(-1)).mean())
    arrays, run = program(CLASSES, [careless])
    found = run(arrays, POOLS["all zero"], POOLS["all zero"], labels(CLASSES, "known", 5))
    assert unsound([careless], *found) == ["careless"]


def test_every_term_serves_some_task():
    assert {term for kind in (CLASSES, OUTPUTS) for term in ours(kind)[0]} == set(TERMS)


def labels(kind, label, count):
    """Labels of ``count`` windows, or targets of two outputs."""
    classes = {"known": [0, 1, 2, 0, 1], "unknown": [-1] * 5, "one class": [1] * 5}[label][:count]
    if kind == CLASSES:
        return np.array(classes, np.int32)
    numbers = np.array(classes, np.float32)[:, None] * [1, 100]
    return np.where(np.array(classes)[:, None] < 0, np.nan, numbers).astype(np.float32)
