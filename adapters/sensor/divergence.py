"""How far a pool is from home: divergences that say which fault of the sensor explains what one sees.

Two of them. With source windows, the channels' own moments are compared. Without, what a corrected pool looks like at
the net's first normalisations is compared with the running statistics that the net kept of its training. Both are in
nats for one sample of all channels, and zero for a pool like home.

A fault is a flat vector of ``3 + 2 · channels + classes`` numbers: rotation vector, logarithms of the gains, biases in
the channels' scale, and how the pool's classes may differ in number (logits beside the source's; no fault of the
sensor).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from adapters.sensor.fault import Vectors, correction
from adapters.sensor.home import RIDGE, Home, Moments
from nets.layers import BatchNorm, Layers
from nets.network import Network

Doubles = npt.NDArray[np.float64]

SHRINK = 1e-3  # prior against gains and biases, which a flat direction must not carry away
MIX = 0.05  # prior of the source's class shares, in nats of divergence from them


def split(theta: Array, channels: int) -> tuple[Array, Array, Array, Array]:
    """Rotation (3,), log gains, biases (channels,) and class logits of a flat fault."""
    return theta[:3], theta[3 : 3 + channels], theta[3 + channels : 3 + 2 * channels], theta[3 + 2 * channels :]


def between_channels(theta: Array, home: Home, pool: Moments, vectors: Vectors) -> Array:
    """Divergence of the corrected pool's channels from home's.

    Half the Kullback-Leibler divergence of two normals with all samples' means and covariances, half that of two with
    the covariances about the windows' means, and the difference of third moments as in Edgeworth's expansion.
    """
    channels = len(pool.mean)
    rotation, log_gain, bias, logits = split(theta, channels)
    matrix, offset, _ = correction(rotation, log_gain, bias, jnp.zeros(channels), vectors)
    shares = jax.nn.softmax(logits + jnp.log(home.shares))
    mean = shares @ home.classes.mean
    apart = home.classes.mean - mean
    total = jnp.einsum("k,kij->ij", shares, home.classes.total) + (apart.T * shares) @ apart * home.together
    within = jnp.einsum("k,kij->ij", shares, home.classes.within)
    shift = pool.mean @ matrix + offset - mean
    found = _divergence_of_normals(shift, matrix.T @ pool.total @ matrix, total, home.ridges[0])
    found += _divergence_of_normals(jnp.zeros(channels), matrix.T @ pool.within @ matrix, within, home.ridges[1])
    for index, vector in enumerate(vectors):
        turn = matrix[jnp.ix_(jnp.asarray(vector), jnp.asarray(vector))]
        third = jnp.einsum("abc,ai,bj,ck->ijk", pool.third[index], turn, turn, turn)
        known = jnp.einsum("k,kabc->abc", shares, home.classes.third[:, index])
        found += jnp.square(third - known).sum() / 6
    mixed = (shares * (jnp.log(shares) - jnp.log(home.shares))).sum()
    return found / 2 + MIX * mixed + _prior(log_gain, bias)


def _divergence_of_normals(
    shift: npt.ArrayLike, one: npt.ArrayLike, other: npt.ArrayLike, ridge: npt.ArrayLike
) -> Array:
    """Kullback-Leibler divergence of the normal with covariance ``one``, ``shift`` away, from that with ``other``.

    It weighs what of the pool lies outside home. A home of many devices and people is wider than one of them, and that
    costs next to nothing.
    """
    added = jnp.diag(jnp.asarray(ridge))
    shift, first, second = jnp.asarray(shift), jnp.asarray(one) + added, jnp.asarray(other) + added
    inverse = jnp.linalg.inv(second)
    volumes = jnp.linalg.slogdet(second)[1] - jnp.linalg.slogdet(first)[1]
    return jnp.asarray((inverse * first).sum() - len(shift) + shift @ inverse @ shift + volumes) / 2


def _prior(log_gain: Array, bias: Array) -> Array:
    return SHRINK * (jnp.square(log_gain).sum() + jnp.square(bias).sum())


def at_normalisations(
    theta: Array, arrays: dict[str, Array], values: Array, scale: Array, layers: Layers, vectors: Vectors
) -> Array:
    """Divergence of the corrected pool from the running statistics of the normalisations that ``layers`` ends in.

    Each normalisation gives the mean over its features of the divergence of two normals; their mean counts once for
    each raw channel.

    Args:
        theta: fault.
        arrays: of ``layers``, whose first is ``Correct``.
        values: (count, time, channels).
        scale: (channels,), of the biases.
        layers: the first layers of a net, up to the last normalisation to compare at.
        vectors: channels of each vector.
    """
    channels = values.shape[-1]
    rotation, log_gain, bias, _ = split(theta, channels)
    matrix, offset, _ = correction(rotation, log_gain, bias * scale, jnp.zeros(channels), vectors)
    before = arrays["0.matrix"]
    made = {"0.matrix": matrix @ before, "0.offset": offset @ before + arrays["0.offset"]}
    network = Network(layers, {**arrays, **made})
    x, found = network.run(values, 0, 1), []
    for index in range(1, len(layers)):
        if f"{index}.mean" in arrays:
            axes = tuple(range(x.ndim - 1))
            layer = layers[index]
            known = arrays[f"{index}.variance"] + layer.epsilon if isinstance(layer, BatchNorm) else None
            known = jnp.square(arrays[f"{index}.deviation"]) if known is None else known
            found.append(_features(x.mean(axes) - arrays[f"{index}.mean"], x.var(axes) + RIDGE * known, known))
        x = network.run(x, index, index + 1)
    return channels * sum(found[1:], found[0]) / len(found) + _prior(log_gain, bias)


def _features(shift: Array, variance: Array, known: Array) -> Array:
    known = known * (1 + RIDGE)
    ratio = variance / known
    return ((ratio - 1 - jnp.log(ratio) + jnp.square(shift) / known) / 2).mean()


_channels_slope = jax.jit(jax.value_and_grad(between_channels), static_argnums=3)
_channels_look = jax.jit(jax.vmap(between_channels, in_axes=(0, None, None, None)), static_argnums=3)
_net_slope = jax.jit(jax.value_and_grad(at_normalisations), static_argnums=(4, 5))


@partial(jax.jit, static_argnums=(4, 5))
def _net_look(
    thetas: Array, arrays: dict[str, Array], values: Array, scale: Array, layers: Layers, vectors: Vectors
) -> Array:
    return jnp.asarray(jax.lax.map(lambda one: at_normalisations(one, arrays, values, scale, layers, vectors), thetas))


@dataclass(frozen=True)
class Divergence:
    """A divergence from home as a function of the fault.

    Args:
        look: faults (count, numbers) → (count,).
        slope: fault → value and gradient.
    """

    look: Callable[[Doubles], Doubles]
    slope: Callable[[Doubles], tuple[float, Doubles]]


def of_channels(home: Home, pool: Moments, vectors: Vectors) -> Divergence:
    """``between_channels`` as a function of the fault alone."""
    rest = (*jax.tree.map(lambda array: jnp.asarray(_single(array)), (home, pool)), vectors)
    return _divergence(_channels_look, _channels_slope, rest)


def of_net(
    arrays: Mapping[str, npt.NDArray[np.float32]],
    values: npt.NDArray[np.float32],
    scale: Doubles,
    layers: Layers,
    vectors: Vectors,
) -> Divergence:
    """``at_normalisations`` as a function of the fault alone."""
    known = {name: jnp.asarray(array) for name, array in arrays.items() if int(name.split(".")[0]) < len(layers)}
    rest = (known, jnp.asarray(values), _single(scale), layers, vectors)
    return _divergence(_net_look, _net_slope, rest)


def _divergence(look: Callable[..., Array], slope: Callable[..., tuple[Array, Array]], rest: Any) -> Divergence:
    def both(theta: Doubles) -> tuple[float, Doubles]:
        value, gradient = slope(_single(theta), *rest)
        return float(value), np.asarray(gradient, np.float64)

    return Divergence(lambda thetas: np.asarray(look(_single(thetas), *rest), np.float64), both)


def _single(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.asarray(array, np.float32)
