"""The optimizer of every training that starts from windows and ends with a model."""

from functools import lru_cache

import optax

WARM_UP_SHARE, WARM_UP_LIMIT = 20, 200  # one step in so many, and no more steps than this


@lru_cache(maxsize=16)
def cosine_adamw(learning_rate: float, weight_decay: float, steps: int) -> optax.GradientTransformation:
    """AdamW whose rate rises for a moment and then falls along a cosine; only kernels decay.

    Asked again with the same numbers it gives the same object, so that nothing is compiled twice.

    Args:
        learning_rate: at its peak.
        weight_decay: of arrays named ``kernel``.
        steps: of the whole training.

    Reference: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101, and 2017, https://arxiv.org/abs/1608.03983.
    """
    warm_up = min(max(steps // WARM_UP_SHARE, 1), WARM_UP_LIMIT)
    schedule = optax.warmup_cosine_decay_schedule(0.0, learning_rate, warm_up, max(steps, warm_up + 1))
    return optax.adamw(
        schedule, weight_decay=weight_decay, mask=lambda arrays: {n: n.endswith("kernel") for n in arrays}
    )
