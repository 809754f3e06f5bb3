"""The distributions that a prior is made of, each as its quantile function: a draw is ``quantile`` of a uniform one.

``quantile`` takes chances ``u`` in (0, 1) of any shape and returns values of that shape, never falling as ``u`` rises;
``support`` is the smallest and the largest value that can come out. ``Scaled``, ``Shifted`` and ``Between`` change
another distribution and may be nested. ``sim.sound`` tells a sound one from another.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri


@dataclass(frozen=True)
class Constant:
    """Always ``value``."""

    value: float

    def quantile(self, u: jax.Array) -> jax.Array:
        return jnp.full_like(u, self.value)

    def support(self) -> tuple[float, float]:
        return (self.value, self.value)


@dataclass(frozen=True)
class Uniform:
    """Every value from ``low`` to ``high`` alike."""

    low: float
    high: float

    def quantile(self, u: jax.Array) -> jax.Array:
        return _straight(u, self.low, self.high)

    def support(self) -> tuple[float, float]:
        return (self.low, self.high)


@dataclass(frozen=True)
class LogUniform:
    """Every order of magnitude from ``low`` > 0 to ``high`` alike."""

    low: float
    high: float

    def quantile(self, u: jax.Array) -> jax.Array:
        return _exponential(u, self.low, self.high)

    def support(self) -> tuple[float, float]:
        return (self.low, self.high)


@dataclass(frozen=True)
class Normal:
    """Normal distribution cut off at ``low`` and ``high``."""

    mean: float
    deviation: float
    low: float
    high: float

    def quantile(self, u: jax.Array) -> jax.Array:
        return _bell(u, self.mean, self.deviation, self.low, self.high)

    def support(self) -> tuple[float, float]:
        return (self.low, self.high)


@dataclass(frozen=True)
class Choice:
    """One of ``values``; ``weights`` need not sum to one. ``Choice((0, 1), (0.7, 0.3))`` is a biased coin."""

    values: tuple[float, ...]
    weights: tuple[float, ...]

    def quantile(self, u: jax.Array) -> jax.Array:
        return _pick(u, np.asarray(self.values, np.float32), np.asarray(self.weights, np.float32))

    def support(self) -> tuple[float, float]:
        return (min(self.values), max(self.values))


@dataclass(frozen=True)
class Quantiles:
    """What a fit leaves behind: straight lines through ``values``, the quantiles at equally spaced chances 0 to 1."""

    values: tuple[float, ...]

    def __str__(self) -> str:
        middle = float(np.interp(0.5, np.linspace(0, 1, len(self.values)), self.values))
        return f"Quantiles({self.values[0]:g} .. {middle:g} .. {self.values[-1]:g}, {len(self.values)} values)"

    def quantile(self, u: jax.Array) -> jax.Array:
        return _through(u, np.asarray(self.values, np.float32))

    def support(self) -> tuple[float, float]:
        return (self.values[0], self.values[-1])


@dataclass(frozen=True)
class Scaled:
    """``base`` times ``factor``; a negative factor turns it round."""

    base: "Distribution"
    factor: float

    def quantile(self, u: jax.Array) -> jax.Array:
        return _straight(self.base.quantile(u if self.factor >= 0 else 1 - u), 0.0, self.factor)

    def support(self) -> tuple[float, float]:
        low, high = sorted(edge * self.factor for edge in self.base.support())
        return (low, high)


@dataclass(frozen=True)
class Shifted:
    """``base`` plus ``offset``."""

    base: "Distribution"
    offset: float

    def quantile(self, u: jax.Array) -> jax.Array:
        return _plus(self.base.quantile(u), self.offset)

    def support(self) -> tuple[float, float]:
        low, high = self.base.support()
        return (low + self.offset, high + self.offset)


@dataclass(frozen=True)
class Between:
    """The part of ``base`` between two of its quantiles: ``Between(base, 0.25, 0.75)`` is its middle half.

    ``Between(base, 0.0, 1.0)`` draws what ``base`` draws, bit for bit.
    """

    base: "Distribution"
    low: float
    high: float

    def quantile(self, u: jax.Array) -> jax.Array:
        return self.base.quantile(_straight(u, self.low, self.high))

    def support(self) -> tuple[float, float]:
        least, most = self.base.support()
        ends = self.base.quantile(jnp.asarray([self.low, self.high], jnp.float32))
        return (max(least, float(ends[0])), min(most, float(ends[1])))


# Compiled once a shape, whatever the numbers: a new prior costs no compilation.
@jax.jit
def _straight(u: jax.Array, low: float, high: float) -> jax.Array:
    return low + (high - low) * u


@jax.jit
def _exponential(u: jax.Array, low: float, high: float) -> jax.Array:
    return low * jnp.exp(u * jnp.log(high / low))


@jax.jit
def _bell(u: jax.Array, mean: float, deviation: float, low: float, high: float) -> jax.Array:
    bottom, top = ndtr((low - mean) / deviation), ndtr((high - mean) / deviation)
    return jnp.clip(mean + deviation * ndtri(bottom + (top - bottom) * u), low, high)


@jax.jit
def _pick(u: jax.Array, values: jax.Array, weights: jax.Array) -> jax.Array:
    edges = jnp.cumsum(weights) / jnp.sum(weights)
    return values[jnp.searchsorted(edges[:-1], u, side="right")]


@jax.jit
def _plus(values: jax.Array, offset: float) -> jax.Array:
    return values + offset


@jax.jit
def _through(u: jax.Array, values: jax.Array) -> jax.Array:
    return jnp.interp(u, jnp.linspace(0, 1, len(values), dtype=jnp.float32), values)


Distribution = Constant | Uniform | LogUniform | Normal | Choice | Quantiles | Scaled | Shifted | Between
_ALL = (Constant, Uniform, LogUniform, Normal, Choice, Quantiles, Scaled, Shifted, Between)
KINDS: dict[str, type[Distribution]] = {kind.__name__: kind for kind in _ALL}
