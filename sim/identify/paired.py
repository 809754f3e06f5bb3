"""Identification from paired signals: windows of a device, and the answers that were measured beside them.

The world's physics answers each window by itself (``World.explain``); what parameters make it answer as measured? Peak
and covariance of the posterior come by Gauss-Newton on latents z = Φ⁻¹(place in the prior), which keeps every bound.

Noise in the windows bends such a fit (errors in variables: a noisy acceleration looks like a lighter arm), and so does
blur. The world can say by how much: devices drawn from the posterior are recorded in simulation and fitted in turn, and
the intervals are widened until they hold what is known to be true there.

Reference: Carroll et al., Measurement Error in Nonlinear Models, 2006, ch. 1; Efron & Tibshirani, An Introduction to
the Bootstrap, 1993, ch. 6, for the parametric bootstrap.
"""

import time
from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.scipy.special import ndtr

from sim.identify.fit import Fit, Marginal
from sim.identify.gauss_newton import Array, Linearised, Peak, climb, errors
from sim.identify.reach import reach
from sim.identify.recordings import Free, free, placed, settled, windows_a_flight
from sim.priors import Group, Prior, Quantiles
from sim.world import World
from slipway.errors import Reason, Refused
from slipway.windows import Targets, Values, answered, check_targets, check_values

CHUNK = 256  # windows differentiated at once
RESIDUALS_A_PARAMETER = 10
LEVELS = np.clip(np.linspace(0, 1, 65), 1 / 256, 255 / 256)  # of the posterior's quantiles
INTERVAL = (0.05, 0.5, 0.95)
RECORDINGS = 12  # simulated to widen the intervals by
STUDENT = 1.083  # 95 % quantile of Student's t with so many degrees of freedom, over the normal's
REACH_RECORDINGS = 400
NOTABLE = 0.1  # correlations below this are not kept


def fit(
    world: World, values: npt.ArrayLike, labels: npt.ArrayLike, *, prior: Prior | None = None, seed: int = 0
) -> Fit:
    """Which parameters of ``world`` answer these windows as measured?

    Args:
        world: a simulator with ``explain``.
        values: (windows, time, channels) in the order of time, in the world's units.
        labels: (windows, outputs) measured beside them; a row with NaN is a window without an answer, and left out.
        prior: what is known before; the world's own by default.
        seed: of the simulations that test the reach.

    Raises:
        Refused: FIELD_INVALID: a world that cannot explain, fewer residuals than ten a free parameter, a signal that
            does not move. LABELS_MISSING, WINDOW_SHAPE_MISMATCH, SAMPLE_NOT_FINITE.

    Example:
        >>> found = fit(WORLD, windows, torques)
        >>> print(found.prior)
    """
    started = time.perf_counter()
    before = world.prior if prior is None else prior
    known, answers = _checked(world, values, labels, before)
    peak = widened(world, before, solve(world, before, known, answers), len(known), seed)
    after, marginals = posterior(before, peak)
    explained = np.asarray(answers - np.asarray(linearised(world, before, known, answers)(peak.latents)[0]))
    missed = np.square(answers - explained).sum(0) / np.square(answers - answers.mean(0)).sum(0)
    determination = {o.name: float(1 - m) for o, m in zip(world.task.outputs, missed, strict=True)}
    names = [one.parameter.name for one in free(before)]
    verdict = reach(world, after, known, names=names, recordings=REACH_RECORDINGS, seed=seed)
    seconds = time.perf_counter() - started
    return Fit("paired", after, marginals, verdict, peak.evaluations, seconds, determination)


def solve(world: World, prior: Prior, values: Values, labels: Targets) -> Peak:
    """Peak and covariance in the prior's latents."""
    recorded = linearised(world, prior, values, labels)
    peak = climb(recorded, np.zeros(_size(prior)))
    return peak._replace(evaluations=peak.evaluations * len(values))


def widened(world: World, prior: Prior, peak: Peak, window_count: int, seed: int) -> Peak:
    """``peak`` with a covariance that holds the errors of the same fit on simulated devices like this one.

    Args:
        window_count: of the recording; the simulated ones have about as many.
    """
    windows = windows_a_flight(world)
    flight_count = max(1, window_count // windows)
    drawing, flying = jax.random.split(jax.random.key(seed))
    chance = np.asarray(jax.random.normal(drawing, (RECORDINGS, len(peak.latents))), np.float64)
    devices = peak.latents + chance @ np.linalg.cholesky(peak.covariance).T
    each = np.repeat(devices, flight_count, axis=0)
    values, labels = world.simulate(flying, placed(prior, jnp.asarray(each, jnp.float32)))
    recorded = [np.asarray(part).reshape(RECORDINGS, -1, *part.shape[1:]) for part in (values, labels)]
    found = [
        errors(*linearised(world, prior, some, answers)(device), device, peak.correlated)
        for device, some, answers in zip(devices, *recorded, strict=True)
    ]
    wider = STUDENT * np.maximum(1.0, np.sqrt(np.mean(np.square(found), axis=0)))
    evaluations = peak.evaluations + RECORDINGS * flight_count * windows
    return peak._replace(covariance=peak.covariance * np.outer(wider, wider), evaluations=evaluations)


def linearised(world: World, prior: Prior, values: Values, labels: Targets) -> Linearised:
    """Latents → residuals and the answers' jacobian, a chunk at a time so that memory stays bounded."""
    padding = -len(values) % CHUNK
    chunks = np.concatenate([values, np.repeat(values[-1:], padding, axis=0)]).reshape(-1, CHUNK, *values.shape[1:])
    one = _differentiated(world, prior)

    def at(latents: Array) -> tuple[Array, Array]:
        z = np.asarray(latents, np.float32)
        parts = [jax.device_get(one(z, chunk)) for chunk in chunks]
        answers, slopes = (np.float64(np.concatenate(part)[: len(values)]) for part in zip(*parts, strict=True))
        return np.float64(labels) - answers, slopes

    return at


@lru_cache(maxsize=8)
def _differentiated(world: World, prior: Prior) -> Callable[[Values, Values], tuple[jax.Array, jax.Array]]:
    """(latents, windows) → answers (windows, outputs) and slopes (windows, outputs, latents).

    A window has few outputs and a prior many latents, so it is pulled back, window by window.
    """

    def explained(latents: jax.Array, window: jax.Array) -> jax.Array:
        assert world.explain is not None
        parameters = {name: value[0] for name, value in placed(prior, latents[None]).items()}
        return world.explain(parameters, window[None])[0]

    def one(latents: jax.Array, window: jax.Array) -> tuple[jax.Array, jax.Array]:
        answers, back = jax.vjp(lambda z: explained(z, window), latents)
        return answers, jax.vmap(back)(jnp.eye(len(answers)))[0]

    return jax.jit(jax.vmap(one, in_axes=(None, 0)))


def posterior(prior: Prior, peak: Peak) -> tuple[Prior, tuple[Marginal, ...]]:
    """The next prior, and what became of each free number."""
    mix = np.asarray(settled(prior, jnp.eye(len(peak.latents))), np.float64).T
    middle, covariance = mix @ peak.latents, mix @ peak.covariance @ mix.T
    deviation = np.sqrt(np.diag(covariance))
    scores = np.asarray(jax.scipy.special.ndtri(jnp.asarray(LEVELS, jnp.float32)), np.float64)
    changes, marginals = {}, []
    for one in free(prior):
        rows = range(one.columns.start, one.columns.stop)
        after = [_places(middle[k] + deviation[k] * scores) for k in rows]
        if one.parameter.size == 1:
            changes[one.parameter.name] = Quantiles(_quantiles(prior, one, after[0]))
        marginals += [_marginal(prior, one, k, middle[k], deviation[k]) for k in rows]
    names = [p.name for p in prior.parameters]
    distributions = tuple(changes.get(n, prior[n]) for n in names)
    return Prior(prior.parameters, distributions, _groups(prior, covariance)), tuple(marginals)


def _places(latents: Array) -> jax.Array:
    return jnp.clip(ndtr(jnp.asarray(latents, jnp.float32)), 1e-6, 1 - 1e-6)


def _quantiles(prior: Prior, one: Free, places: jax.Array) -> tuple[float, ...]:
    values = np.maximum.accumulate(np.asarray(prior[one.parameter.name].quantile(places), np.float64))
    return tuple(float(v) for v in np.clip(values, *prior[one.parameter.name].support()))


def _marginal(prior: Prior, one: Free, column: int, middle: float, deviation: float) -> Marginal:
    distribution, size = prior[one.parameter.name], one.parameter.size
    levels = jnp.asarray(INTERVAL, jnp.float32)
    scores = np.asarray(jax.scipy.special.ndtri(levels), np.float64)
    found = [distribution.quantile(u) for u in (levels, _places(middle + deviation * scores))]
    name = one.parameter.name if size == 1 else f"{one.parameter.name}[{column - one.columns.start}]"
    return Marginal(name, one.parameter.unit, *(float(value) for row in found for value in row))


def _groups(prior: Prior, covariance: Array) -> tuple[Group, ...]:
    single = [one for one in free(prior) if one.parameter.size == 1]
    columns = np.asarray([one.columns.start for one in single])
    deviation = np.sqrt(np.diag(covariance))
    correlation = (covariance / np.outer(deviation, deviation))[np.ix_(columns, columns)]
    kept = np.flatnonzero(np.abs(correlation - np.eye(len(columns))).max(1, initial=0) >= NOTABLE)
    if len(kept) < 2:
        return ()
    found = 0.999 * correlation[np.ix_(kept, kept)] + 0.001 * np.eye(len(kept))  # safely positive definite
    return (Group.of([single[k].parameter.name for k in kept], found),)


def _size(prior: Prior) -> int:
    return free(prior)[-1].columns.stop


def _checked(world: World, values: npt.ArrayLike, labels: npt.ArrayLike, prior: Prior) -> tuple[Values, Targets]:
    """Windows and answers that are fit to identify from."""
    if world.explain is None:
        remedy = "Give World.explain, or identify from the windows alone (sim.identify.unpaired)."
        _refuse("world", "cannot answer a window by its physics", world.name, remedy)
    known = check_values(values, world.task.sensor)
    answers = check_targets(labels, len(world.task.outputs))
    there = answered(answers)
    if len(answers) != len(known) or not there.any():
        raise Refused(
            Reason.LABELS_MISSING, field="labels", found=int(there.sum()), name="the recording", expected=len(known)
        )
    known, answers = known[there], answers[there]
    needed = -(-RESIDUALS_A_PARAMETER * len([o for o in free(prior)]) // len(world.task.outputs))
    if len(known) < needed:
        problem = f"needs {needed} windows, ten residuals a free parameter"
        _refuse("values", problem, len(known), "Record longer, or hold parameters fixed in the prior.")
    columns = (*world.task.sensor.channels, *world.task.outputs)
    widths = np.concatenate([np.ptp(known, axis=(0, 1)), np.ptp(answers, axis=0)])
    still = [column.name for column, width in zip(columns, widths, strict=True) if not width]
    if still:
        _refuse("values", "the signals must move", f"{', '.join(still)} at rest", "Drive the device while recording.")
    return known, answers


def _refuse(field: str, problem: str, found: object, remedy: str) -> None:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
