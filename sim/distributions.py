"""The distributions that a prior is made of, each as its quantile function: a draw is ``quantile`` of a uniform one.

``quantile`` takes chances ``u`` in (0, 1) of any shape and returns values of that shape; ``support`` is the smallest
and the largest value that can come out.
"""

import math
from dataclasses import asdict, dataclass

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


Distribution = Constant | Uniform | LogUniform | Normal | Choice
KINDS: dict[str, type[Distribution]] = {kind.__name__: kind for kind in (Constant, Uniform, LogUniform, Normal, Choice)}


def _numbers(distribution: Distribution) -> list[object]:
    return [n for v in asdict(distribution).values() for n in (v if isinstance(v, tuple | list) else (v,))]


def problem(distribution: Distribution) -> str | None:
    """What is wrong with a distribution's numbers, or ``None``."""
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in _numbers(distribution)):
        return "needs finite numbers"
    match distribution:
        case Choice(values, weights) if (
            not values or len(values) != len(weights) or min(weights) < 0 or not sum(weights)
        ):
            return "needs values with as many weights, none negative, not all zero"
        case LogUniform(low, _) if low <= 0:
            return "needs low > 0"
        case Normal(_, deviation, _, _) if deviation <= 0:
            return "needs deviation > 0"
        case Uniform(low, high) | LogUniform(low, high) | Normal(_, _, low, high) if low > high:
            return "needs low <= high"
    return None
