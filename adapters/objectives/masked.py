"""Fill in what was hidden: a task that windows set themselves.

A stretch of each window is hidden, and a small decoder tells from the features what it was like: the mean and the
deviation of each hidden segment, channel by channel. Beside no other term it is pretraining without labels.

Reference: Ragab et al. 2023, MAPU, https://arxiv.org/abs/2307.07542 (masking and temporal imputation). There the
decoder is recurrent and restores features; here it restores summaries of the signal, from features that were pooled
over time.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from adapters.objective import CLASSES, OUTPUTS, Arrays, Domain, Need, Signals, Term
from nets import layers as records
from nets.layers import Dense
from nets.model import Model

SEGMENTS = 8  # of a window, at most
HIDDEN_SHARE = 0.25  # of the segments, side by side
WIDTH = 64  # of the decoder


def loss(signals: Signals) -> Array:
    """Mean squared error over the hidden segments, in units of each channel's deviation, the mean over the domains."""
    domains = [domain for domain in (signals.target, signals.source) if domain is not None]
    keys = jax.random.split(signals.key, len(domains))
    errors = [_error(signals, domain, key) for domain, key in zip(domains, keys, strict=True)]
    return sum(errors[1:], errors[0]) / len(errors)


def initial(model: Model, random: np.random.Generator) -> Arrays:
    """A decoder of one hidden layer. It starts with the answer 0, so that no random gradient reaches the features."""
    shapes = records.shapes(model.layers, model.task.sensor.window_shape)
    features = shapes[max(i for i, layer in enumerate(model.layers) if isinstance(layer, Dense))][0]
    time, channels = _sequence(model.task.sensor.window_shape)
    outputs = _segments(time) * channels * 2
    kernel = random.standard_normal((features, WIDTH)) * np.sqrt(2 / features)
    return {
        "masked.hidden_kernel": kernel.astype(np.float32),
        "masked.hidden_bias": np.zeros(WIDTH, np.float32),
        "masked.kernel": np.zeros((WIDTH, outputs), np.float32),
        "masked.bias": np.zeros(outputs, np.float32),
    }


def _error(signals: Signals, domain: Domain, key: Array) -> Array:
    sequences = _sequences(domain.values)
    hidden = hidden_segments(key, len(sequences), _segments(sequences.shape[1]))
    covered, wanted = exercise(sequences, hidden)
    features = signals.run(covered.reshape(domain.values.shape) if _is_ring(domain.values) else covered)[0]
    own = signals.own
    inner = jnp.maximum(features @ own["masked.hidden_kernel"] + own["masked.hidden_bias"], 0)
    found = (inner @ own["masked.kernel"] + own["masked.bias"]).reshape(wanted.shape)
    errors = jnp.square(found - wanted).mean((-2, -1))
    return (errors * hidden).sum() / hidden.sum()


def hidden_segments(key: Array, batch: int, segments: int) -> Array:
    """(batch, segments), 1 for those that are hidden: neighbours, at a random place in each window."""
    count = max(1, round(segments * HIDDEN_SHARE))
    first = jax.random.randint(key, (batch, 1), 0, segments - count + 1)
    place = jnp.arange(segments)
    return ((place >= first) & (place < first + count)).astype(jnp.float32)


def exercise(sequences: Array, hidden: Array) -> tuple[Array, Array]:
    """Sequences with their hidden segments set to the mean of what is left, and what to say about every segment.

    Args:
        sequences: (batch, time, channels).
        hidden: (batch, segments).

    Returns:
        The covered sequences, and (batch, segments, channels, 2): mean of the segment less that of the visible samples,
        and its deviation, both over the channel's deviation in the batch; 0 for a constant channel.
    """
    batch, time, channels = sequences.shape
    count = hidden.shape[1]
    length = time // count
    places = jnp.minimum(jnp.arange(time) // length, count - 1)  # the last segment takes the rest
    seen = 1 - hidden[:, places]
    visible = (sequences * seen[..., None]).sum(1, keepdims=True) / jnp.maximum(seen.sum(1), 1)[:, None, None]
    covered = jnp.where(seen[..., None] > 0, sequences, visible)
    segments = sequences[:, : count * length].reshape(batch, count, length, channels)
    deviation = sequences.std((0, 1))
    unit = jnp.where(deviation > 0, 1 / jnp.where(deviation > 0, deviation, 1), 0)
    return covered, jnp.stack([(segments.mean(2) - visible) * unit, segments.std(2) * unit], -1)


def _segments(time: int) -> int:
    return min(SEGMENTS, time)


def _is_ring(values: Array) -> bool:
    return values.shape[1] == 1


def _sequence(shape: records.Shape) -> records.Shape:
    """A window of one sample is a sequence over its channels."""
    time, channels = shape
    return (channels, 1) if time == 1 else (time, channels)


def _sequences(values: Array) -> Array:
    return values.reshape(len(values), -1, 1) if _is_ring(values) else values


MASKED = Term("masked", frozenset({Need.TARGET_WINDOWS}), loss, initial=initial, kinds=frozenset({CLASSES, OUTPUTS}))
