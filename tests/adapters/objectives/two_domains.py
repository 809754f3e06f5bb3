"""Batches of two domains as a loss sees them, and degenerate ones that no loss may stumble over."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies

from adapters.objective import Domain, Objective, Signals, Term
from nets.architectures import mlp
from nets.model import Model
from nets.network import initial_arrays
from tests.nets.tasks import task

CLASSES = 3
DEGENERATE_FEATURES = 3


def tiny(features: int = 5, classes: int = CLASSES) -> Model:
    """A model whose last layer sees ``features`` numbers."""
    asked = task(channels=2, time=4, classes=classes)
    layers = mlp(asked, widths=(features,))
    return Model(asked, layers, initial_arrays(layers, asked.sensor.window_shape, 0))


def own_numbers(term: Term, model: Model, seed: int = 0) -> dict[str, jax.Array]:
    """What ``term`` learns beside the model, before the first step."""
    found = {} if term.initial is None else term.initial(model, np.random.default_rng(seed))
    return {name: jnp.asarray(array) for name, array in found.items()}


def seen(
    source, target, *, own=None, progress=1.0, head=None, labels=None, marginal=None, key=0, outputs=False
) -> Signals:
    """What a loss sees of features (batch, features) of two domains; ``head`` is the kernel of the last layer."""
    source, target = jnp.asarray(source, jnp.float32), jnp.asarray(target, jnp.float32)
    if head is None:
        head = np.random.default_rng(9).standard_normal((source.shape[1], CLASSES))
    head = jnp.asarray(head, jnp.float32)
    count = head.shape[1]
    if outputs:
        known, unknown = jnp.zeros((len(source), count)), jnp.full((len(target), count), jnp.nan)
    else:
        known = jnp.arange(len(source)) % count if labels is None else jnp.asarray(labels, jnp.int32)
        unknown = jnp.full(len(target), -1)
    return Signals(
        labelled=None,
        target=_domain(target, head, unknown),
        source=_domain(source, head, known),
        marginal=jnp.full(count, 1 / count) if marginal is None else jnp.asarray(marginal, jnp.float32),
        label_weights=jnp.ones(count),
        label_smoothing=jnp.float32(0),
        output_scale=jnp.ones(count),
        run=lambda values: (values, values),
        head=lambda features: features @ head,
        base=lambda values: (values, values),
        changed={},
        initial={},
        own={} if own is None else own,
        found={},
        progress=jnp.float32(progress),
        key=jax.random.key(key),
    )


def _domain(features, head, labels) -> Domain:
    return Domain(jnp.zeros((len(features), 4, 2)), features, features @ head, labels, jnp.arange(len(features)))


def gradients(term: Term, source, target, own, **known):
    """Of the term's loss, by the source's features, the target's, and the term's own numbers."""

    def loss(source, target, own):
        return term.loss(seen(source, target, own=own, **known))

    arrays = jnp.asarray(source, jnp.float32), jnp.asarray(target, jnp.float32), own
    return jax.value_and_grad(loss, argnums=(0, 1, 2))(*arrays)


def beside(other: Term, *terms: Term) -> Objective:
    """``other + …``, every weight 1."""
    return Objective((other, *terms), (1.0,) * (1 + len(terms)))


@lru_cache
def _compiled(term: Term):
    own = own_numbers(term, tiny(DEGENERATE_FEATURES))
    return jax.jit(lambda source, target, progress: gradients(term, source, target, own, progress=progress))


def check_finite(term: Term, source, target) -> None:
    """Loss and gradients of ``term`` are numbers, whatever the batch."""
    for progress in (0.0, 1.0):
        loss, found = _compiled(term)(source, target, progress)
        assert np.isfinite(loss)
        assert all(np.isfinite(array).all() for array in jax.tree.leaves(found))


@strategies.composite
def degenerate(draw):
    """Features of a source and a target batch: single windows, copies, constants, equal domains, extreme scales."""
    random = np.random.default_rng(draw(strategies.integers(0, 9)))
    counts = [draw(strategies.sampled_from((1, 4))) for _ in range(2)]
    source, target = (random.standard_normal((count, DEGENERATE_FEATURES)) for count in counts)
    shape = draw(strategies.sampled_from(("free", "zero", "constant", "copies", "equal domains", "one constant")))
    if shape == "zero":
        source, target = source * 0, target * 0
    elif shape == "constant":
        source, target = source * 0 + 7, target * 0 + 7
    elif shape == "copies":
        source, target = source[:1].repeat(4, 0), target[:1].repeat(4, 0)
    elif shape == "equal domains":
        target = source
    elif shape == "one constant":
        target = target * 0 + 3
    scale = draw(strategies.sampled_from((1e-4, 1.0, 1e3)))
    return (source * scale).astype(np.float32), (target * scale).astype(np.float32)
