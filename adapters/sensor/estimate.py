"""Which fault the sensor of a device has, estimated without labels and before any weight is touched.

Candidate mountings (the 24 ways a box can stand, then refined) and a gain and bias for each channel are judged by how
close the corrected pool comes to home (``adapters.sensor.home``). No change is the answer unless the evidence is clear:
every number has to pay for itself, as in Schwarz's criterion with a window as one observation, and has to explain
more than any number explains of a consecutive part of the source against its rest: people and days differ at home,
too. Class shares that differ are tried as an explanation first, where the source is labelled.

Reference: Schwarz 1978, Estimating the dimension of a model, https://doi.org/10.1214/aos/1176344136.
"""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from adapters.objective import Pools
from adapters.sensor.divergence import of_channels, of_net
from adapters.sensor.fault import Fault, no_fault, rotation_matrix, rotation_vector
from adapters.sensor.home import Channels, channels_of, home_of, moments
from adapters.sensor.lag import lags
from adapters.sensor.search import Evidence, best_fault, best_next, best_turn, free_numbers, no_turn
from nets.front import vectors_of
from nets.layers import BatchNorm, Layers, Normalize
from nets.model import Model
from nets.windows import Windows
from slipway.windows import Values

Doubles = npt.NDArray[np.float64]

LEAST_WINDOWS = 20
CHANNEL_LIMIT = 64  # beyond it nothing is estimated
WORTH = 0.004  # nats that any one number has to explain: a gain of 6 %, a bias of 0.1 deviations
LOOKED_AT = 96  # windows run through the net when there is no source
PIECES = 12  # consecutive parts of the source, as long as the pool
MARGIN = 1.5  # over the most that any of them shows: one more like them exceeds the largest of 12 once in 13 times
STEPS, STEPS_OF_NET = 60, 15  # of a search: moments cost nothing, a net does
WITHOUT_SOURCE = 2.0  # how much dearer a number is when no part of home tells what home differs by
NORMALISATIONS = 3  # the input's and two batch normalisations: what stands deeper depends on the classes more


def estimate(model: Model, pools: Pools) -> Fault:
    """The fault of the sensor that measured ``pools.target``.

    Args:
        model: whose first layer is ``Correct``; its statistics are home where no source is given.
        pools: with source windows also the lag between groups of channels is found, by cross-correlation.
    """
    sensor, target, source = model.task.sensor, pools.target, pools.source
    channels = len(sensor.channels)
    if len(target.values) < LEAST_WINDOWS or channels > CHANNEL_LIMIT:
        return no_fault(channels)
    with_source = source is not None and len(source.values) >= LEAST_WINDOWS
    evidence = _from_source(model, target, source) if with_source and source else _from_model(model, target)
    if evidence is None:
        return no_fault(channels)
    theta = best_fault(evidence, bool(vectors_of(sensor)), channels)
    fault = Fault(
        rotation_rad=rotation_vector(np.asarray(rotation_matrix(jnp.asarray(theta[:3])), np.float64)),
        gain=np.exp(theta[3 : 3 + channels]),
        bias=theta[3 + channels : 3 + 2 * channels] * evidence.scale,
        lag=np.zeros(channels),
    )
    if not with_source or source is None or sensor.window_length == 1:
        return fault
    return lags(fault, sensor, target.values, source.values)


def _from_source(model: Model, target: Windows, source: Windows) -> Evidence:
    channels = channels_of(model.task.sensor, source.values)
    price = _price(min(len(target.values), len(source.values)))
    # What one finds between a part of home and the rest of it is what devices and people at home differ by.
    of_number, of_turn, at_home = price, 3 * price, 0.0
    for inside in _pieces(len(source.values), len(target.values)):
        piece, rest = Windows(*(part[inside] for part in source)), Windows(*(part[~inside] for part in source))
        number, turn, apart = _explained(_apart(piece.values, rest, channels, price))
        of_number, of_turn = max(of_number, MARGIN * number), max(of_turn, MARGIN * turn)
        at_home = max(at_home, apart)
    return replace(_apart(target.values, source, channels, of_number), price_of_turn=of_turn, at_home=at_home)


def _apart(pool: Values, home: Windows, channels: Channels, price: float) -> Evidence:
    known = home_of(home, channels)
    divergence = of_channels(known, moments(pool, channels), channels.vectors)
    return Evidence(divergence, channels.scale, len(known.shares), price, 3 * price, STEPS)


def _explained(evidence: Evidence) -> tuple[float, float, float]:
    """The most that one gain or bias explains, with the best turn or without any; what that turn does; of how much."""
    channels, classes = len(evidence.scale), evidence.classes
    still, value = no_turn(evidence, channels)
    turned, cost = best_turn(evidence, still)
    states = [(still, value, free_numbers(len(still), classes, False))]
    states.append((turned, cost, free_numbers(len(still), classes, True)))
    found = [(before, best_next(evidence, theta, before, free, channels)) for theta, before, free in states]
    return max(before - after[1] for before, after in found if after is not None), value - cost, value


def _pieces(home: int, pool: int) -> list[npt.NDArray[np.bool_]]:
    """Which windows of home are in each of at most ``PIECES`` runs, as long as the pool or a quarter of home."""
    length = min(pool, home // 4)
    if length < LEAST_WINDOWS // 2:
        return []
    starts = np.linspace(0, home - length, min(PIECES, home // length)).astype(int)
    return [(np.arange(home) >= start) & (np.arange(home) < start + length) for start in starts]


def _from_model(model: Model, target: Windows) -> Evidence | None:
    """Evidence from the statistics of ``model``; None where it has none."""
    layers = _to_normalisations(model.layers)
    if not layers:
        return None
    channels = target.values.shape[-1]
    raw = isinstance(layers[1], Normalize)
    scale = model.arrays["1.deviation"].astype(np.float64) if raw else np.ones(channels)
    rows = np.linspace(0, len(target.values) - 1, LOOKED_AT).round().astype(int)  # always as many: one program
    divergence = of_net(model.arrays, target.values[rows], scale, layers, vectors_of(model.task.sensor))
    price = WITHOUT_SOURCE * _price(len(target.values))
    return Evidence(divergence, scale, 0, price if raw else np.inf, 3 * price, STEPS_OF_NET)


def _price(windows: int) -> float:
    return WORTH + float(np.log(windows) / (2 * windows))


def _to_normalisations(layers: Layers) -> Layers:
    """The first layers, up to the last normalisation to compare at."""
    found = [index for index, layer in enumerate(layers) if isinstance(layer, Normalize | BatchNorm)][:NORMALISATIONS]
    return layers[: found[-1] + 1] if found else ()
