"""The network behind a posterior: from scaled statistics to a mixture of normals for each latent, and what binds them.

Reference: Bishop, Mixture Density Networks, 1994; Salinas et al., High-Dimensional Multivariate Forecasting with
Low-Rank Gaussian Copula Processes, NeurIPS 2019.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

COMPONENTS = 4  # normals of a mixture
FACTORS = 4  # independent causes of what binds the latents
WIDTHS = (256, 256)

Weights = dict[str, Any]
Mixtures = tuple[jax.Array, jax.Array, jax.Array]  # log weight, mean, log deviation: (recordings, latents, components)


def initial(key: jax.Array, inputs: int, latents: int, bound: int) -> Weights:
    """Weights that answer with the prior, widely."""
    sizes = (inputs, *WIDTHS)
    keys = jax.random.split(key, len(sizes))
    layers = [jax.random.normal(k, (a, b)) / math.sqrt(a) for k, a, b in zip(keys, sizes, sizes[1:], strict=False)]
    spread = jnp.tile(jnp.linspace(-1.0, 1.0, COMPONENTS), latents)
    zeros = jnp.zeros(latents * COMPONENTS)
    return {
        "layers": [{"matrix": layer, "offset": jnp.zeros(layer.shape[1])} for layer in layers],
        "straight": jnp.zeros((inputs, latents)),
        "mixtures": {
            "matrix": jnp.zeros((WIDTHS[-1], 3 * latents * COMPONENTS)),
            "offset": jnp.concatenate([zeros, spread, zeros]),
        },
        "factors": {
            "matrix": jnp.zeros((WIDTHS[-1], bound * FACTORS)),
            "offset": 0.1 * jax.random.normal(keys[-1], (bound * FACTORS,)),
        },
    }


def _affine(layer: Weights, inputs: jax.Array) -> jax.Array:
    return inputs @ layer["matrix"] + layer["offset"][None]


def _hidden(weights: Weights, inputs: jax.Array) -> jax.Array:
    for layer in weights["layers"]:
        inputs = jax.nn.gelu(_affine(layer, inputs))
    return inputs


def mixtures(weights: Weights, inputs: jax.Array) -> Mixtures:
    """Log weight, mean and log deviation, each (recordings, latents, components)."""
    out = _affine(weights["mixtures"], _hidden(weights, inputs))
    logits, means, deviations = out.reshape(len(inputs), 3, -1, COMPONENTS).swapaxes(0, 1)
    straight = (inputs @ weights["straight"])[..., None]
    return jax.nn.log_softmax(logits), means + jnp.broadcast_to(straight, means.shape), jnp.clip(deviations, -6.0, 2.0)


def factors(weights: Weights, inputs: jax.Array) -> jax.Array:
    """L (recordings, bound, factors): the bound latents' correlation is 1 + L Lᵀ, scaled to a unit diagonal."""
    return _affine(weights["factors"], _hidden(weights, inputs)).reshape(len(inputs), -1, FACTORS)


def cdf(mixed: Mixtures, latents: jax.Array) -> jax.Array:
    """Place (recordings, latents) of each latent in its mixture, in (0, 1)."""
    shares, means, deviations = mixed
    return jnp.sum(jnp.exp(shares) * ndtr((latents[..., None] - means) * jnp.exp(-deviations)), axis=-1)


def loss(weights: Weights, inputs: jax.Array, latents: jax.Array, bound: jax.Array) -> jax.Array:
    """Negative log density of the latents, nats a recording."""
    shares, means, deviations = mixed = mixtures(weights, inputs)
    far = (latents[..., None] - means) * jnp.exp(-deviations)
    each = jax.nn.logsumexp(shares - 0.5 * far * far - deviations, axis=-1) - 0.5 * math.log(2 * math.pi)
    place = jnp.clip(cdf(mixed, latents)[:, bound], 1e-4, 1 - 1e-4)
    score = ndtri(jax.lax.stop_gradient(place))  # what binds the latents shall not bend them
    return -jnp.mean(jnp.sum(each, axis=1) + _copula(factors(weights, inputs), score))


def _copula(factors: jax.Array, score: jax.Array) -> jax.Array:
    """Log density (recordings,) of a normal copula whose correlation is 1 + L Lᵀ, scaled; by Woodbury's identity."""
    size = 1 + jnp.sum(factors * factors, axis=2)
    loose = score * jnp.sqrt(size)
    inner = jnp.eye(FACTORS)[None] + factors.swapaxes(1, 2) @ factors
    pull = jnp.einsum("nbf,nb->nf", factors, loose)
    solved = jnp.linalg.solve(inner, pull[..., None])[..., 0]
    square = jnp.sum(loose * loose, axis=1) - jnp.sum(pull * solved, axis=1)
    volume = jnp.linalg.slogdet(inner)[1] - jnp.sum(jnp.log(size), axis=1)
    return 0.5 * (jnp.sum(score * score, axis=1) - square - volume)
