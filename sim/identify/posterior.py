"""Neural posterior estimation: from the statistics of a recording to what its parameters may be.

Every parameter is its latent z = Φ⁻¹(u), u being its place in the prior, so bounds need no care and every distribution
is treated alike. One network, trained on simulations, gives each latent a mixture of normals and binds them by a
normal copula whose correlations depend on the statistics too. Simulations that training never saw then recalibrate
every latent: an interval said to hold 90 % holds 90 % of them.

Reference: Papamakarios & Murray, Fast ε-free Inference of Simulation Models with Bayesian Conditional Density
Estimation, NeurIPS 2016; Kuleshov, Fenner & Ermon, Accurate Uncertainties for Deep Learning Using Calibrated
Regression, ICML 2018.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax.scipy.special import ndtri

from sim.identify import mixture
from sim.identify.mixture import Weights

BATCH = 128
EPOCHS = 40
PATIENCE = 10  # epochs without a better held-out loss
LEARNING_RATE = 1e-3
HELD_OUT = 0.25  # a third of it ends the training, the rest recalibrates
KNOTS = 129  # quantiles by which a statistic is known
LIMIT = 4.0  # latents beyond this are not resolved: 1 in 30,000
HALVINGS = 20  # by which a quantile is found: to 1e-5

Array = npt.NDArray[np.float32]
Part = tuple[Array, Array]  # statistics and latents


class Posterior(NamedTuple):
    """An amortised posterior: answers for any recording of the kind it was trained for.

    Args:
        weights: of the network.
        knots: (statistics, KNOTS), quantiles of each statistic over the simulations.
        levels: (latents, KNOTS), at which level of the mixture a stated level truly lies.
        held_out: loss of simulations that were not trained on, nats a recording; the prior's own is 0.
    """

    weights: Weights
    knots: jax.Array
    levels: jax.Array
    held_out: float


def train(
    statistics: Array, latents: Array, bound: npt.NDArray[np.intp], *, seed: int, progress: Callable[[float], None]
) -> Posterior:
    """Learn the posterior from simulated recordings.

    Args:
        statistics: (recordings, statistics).
        latents: (recordings, latents) that made them, standard normal under the prior.
        bound: indices of the latents between which correlations are learned.
        progress: called with the share of the longest training that is done.
    """
    kept = int(len(latents) * (1 - HELD_OUT))
    middle = kept + (len(latents) - kept) // 3
    knots = jnp.asarray(np.quantile(statistics[:kept], np.linspace(0, 1, KNOTS), axis=0).T, jnp.float32)
    inputs, targets = np.asarray(scaled(knots, jnp.asarray(statistics))), np.asarray(latents, np.float32)
    weights = mixture.initial(jax.random.key(seed), inputs.shape[1], targets.shape[1], len(bound))
    parts = [(inputs[a:b], targets[a:b]) for a, b in ((0, kept), (kept, middle))]
    weights, loss = _descend(weights, *parts, jnp.asarray(bound), seed, progress)
    mixtures = mixture.mixtures(weights, jnp.asarray(inputs[middle:]))
    places = mixture.cdf(mixtures, jnp.asarray(targets[middle:]))
    levels = jnp.quantile(places, jnp.linspace(0.0, 1.0, KNOTS), axis=0).T
    reference = float(np.mean(0.5 * np.sum(targets[kept:middle] ** 2 + math.log(2 * math.pi), axis=1)))
    return Posterior(weights, knots, levels, loss - reference)


def scaled(knots: jax.Array, statistics: jax.Array) -> jax.Array:
    """Each statistic as the normal score of its rank among the simulations.

    A statistic that no simulation reached becomes the outermost: the network never sees what it was not trained for.
    """
    scores = ndtri((jnp.arange(KNOTS, dtype=jnp.float32) + 0.5) / KNOTS)

    def one(column: jax.Array, knots: jax.Array) -> jax.Array:
        return jnp.where(knots[-1] > knots[0], jnp.interp(column, knots, scores), 0.0)

    return jax.vmap(one, in_axes=(-1, 0), out_axes=-1)(statistics, knots)


@jax.jit
def quantiles(posterior: Posterior, statistics: jax.Array, levels: jax.Array) -> jax.Array:
    """Recalibrated quantiles of every latent.

    Args:
        statistics: (recordings, statistics).
        levels: (levels,) in (0, 1).

    Returns:
        (recordings, latents, levels).
    """
    mixtures = mixture.mixtures(posterior.weights, scaled(posterior.knots, statistics))
    truly = jax.vmap(lambda row: jnp.interp(levels, jnp.linspace(0.0, 1.0, KNOTS), row))(posterior.levels)
    wanted = jnp.broadcast_to(truly[None], (len(statistics), *truly.shape))

    def halve(_: int, edges: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = edges
        middle = (low + high) / 2
        reached = jax.vmap(lambda z: mixture.cdf(mixtures, z), in_axes=2, out_axes=2)(middle)
        return jnp.where(reached < wanted, middle, low), jnp.where(reached < wanted, high, middle)

    edges = (jnp.full(wanted.shape, -LIMIT), jnp.full(wanted.shape, LIMIT))
    return sum(jax.lax.fori_loop(0, HALVINGS, halve, edges)) / 2


@jax.jit
def correlations(posterior: Posterior, statistics: jax.Array) -> jax.Array:
    """Correlations of the bound latents (recordings, bound, bound)."""
    factors = mixture.factors(posterior.weights, scaled(posterior.knots, statistics))
    loose = jnp.eye(factors.shape[1])[None] + factors @ factors.swapaxes(1, 2)
    size = jnp.sqrt(jnp.diagonal(loose, axis1=1, axis2=2))
    return loose / (size[:, :, None] * size[:, None, :])


def _descend(
    weights: Weights, seen: Part, unseen: Part, bound: jax.Array, seed: int, progress: Callable[[float], None]
) -> tuple[Weights, float]:
    """The weights with the best loss on what they did not see, and that loss."""
    batch = min(BATCH, len(seen[0]))
    rule = _rule(EPOCHS * (len(seen[0]) // batch))
    state, chance = rule.init(weights), np.random.default_rng(seed)
    best, lowest, since = weights, math.inf, 0
    seen, unseen = jax.device_put((seen, unseen))
    for epoch in range(EPOCHS):
        order = chance.permutation(len(seen[0]))[: len(seen[0]) // batch * batch].reshape(-1, batch)
        weights, state = _epoch(weights, state, seen, jnp.asarray(order), bound, EPOCHS * len(order))
        loss = float(_held_out(weights, unseen, bound))
        best, lowest, since = (weights, loss, 0) if loss < lowest else (best, lowest, since + 1)
        progress((epoch + 1) / EPOCHS)
        if since >= PATIENCE:
            break
    return best, lowest


def _rule(steps: int) -> optax.GradientTransformation:
    pace = optax.cosine_decay_schedule(LEARNING_RATE, steps)
    return optax.chain(optax.clip_by_global_norm(5.0), optax.adamw(pace, weight_decay=1e-3))


@jax.jit
def _held_out(weights: Weights, unseen: Part, bound: jax.Array) -> jax.Array:
    return mixture.loss(weights, *unseen, bound)


@partial(jax.jit, static_argnums=5)
def _epoch(weights: Weights, state: Any, seen: Part, order: jax.Array, bound: jax.Array, steps: int) -> Any:
    rule = _rule(steps)

    def step(carry: tuple[Weights, Any], rows: jax.Array) -> tuple[tuple[Weights, Any], None]:
        weights, state = carry
        slope = jax.grad(mixture.loss)(weights, seen[0][rows], seen[1][rows], bound)
        change, state = rule.update(slope, state, weights)
        return (optax.apply_updates(weights, change), state), None

    return jax.lax.scan(step, (weights, state), order)[0]
