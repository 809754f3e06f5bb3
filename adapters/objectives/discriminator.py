"""A small net that tells source from target by the features: the opponent of the adversarial terms."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from adapters.objective import Arrays

HIDDEN = (64, 64)
NORMALISE_EPSILON = 1e-5


def initial(term: str, widths: Sequence[int], random: np.random.Generator) -> Arrays:
    """Numbers to start from, ``"<term>.kernel_0"``, ``"<term>.bias_0"``, …: He-normal kernels, zero biases.

    Args:
        term: whose numbers they are.
        widths: of the input, of each hidden layer, of the answer.
        random: same state, same numbers.

    Reference: He et al. 2015, https://arxiv.org/abs/1502.01852, equation 10.
    """
    arrays = {}
    for index, (before, after) in enumerate(pairwise(widths)):
        kernel = random.standard_normal((before, after)) * np.sqrt(2 / before)
        arrays[f"{term}.kernel_{index}"] = kernel.astype(np.float32)
        arrays[f"{term}.bias_{index}"] = np.zeros(after, np.float32)
    return arrays


def answer(
    own: Mapping[str, Array],
    term: str,
    x: Array,
    *,
    normalise: bool = False,
    dropout: float = 0.0,
    key: Array | None = None,
) -> Array:
    """Answers (batch, outputs) to ``x`` (batch, inputs): dense layers with rectifiers between them.

    Args:
        own: holds the numbers of ``initial``.
        term: whose numbers.
        x: features.
        normalise: hidden layers by the batch's own mean and deviation.
        dropout: share of the hidden numbers that are dropped; needs a ``key``.
        key: chance of this step.
    """
    last = sum(name.startswith(f"{term}.kernel_") for name in own) - 1
    for index in range(last + 1):
        x = x @ own[f"{term}.kernel_{index}"] + own[f"{term}.bias_{index}"]
        if index == last:
            break
        x = jnp.maximum(_normalised(x) if normalise else x, 0)
        if dropout and key is not None:
            kept = jax.random.bernoulli(jax.random.fold_in(key, index), 1 - dropout, x.shape)
            x = jnp.where(kept, x / (1 - dropout), 0)
    return x


def domain_loss(own: Mapping[str, Array], term: str, source: Array, target: Array) -> Array:
    """Binary cross-entropy of telling the two apart, the mean of both domains' means: log 2 when it cannot.

    Args:
        own: holds the numbers of ``initial``, with one output: the log-odds of the source.
        term: whose numbers.
        source: (batch, inputs).
        target: (batch, inputs).
    """
    known_source = jax.nn.softplus(-answer(own, term, source)).mean()
    known_target = jax.nn.softplus(answer(own, term, target)).mean()
    return (known_source + known_target) / 2


def _normalised(x: Array) -> Array:
    centred = x - x.mean(0)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(0) + NORMALISE_EPSILON)
