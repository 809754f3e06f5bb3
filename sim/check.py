"""Does a world keep its contract? Run it on a world of your own before you train from it."""

import time
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from sim.check_explain import check_explain
from sim.generate import windows
from sim.world import Key, State, Steps, World
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Labels, Values, check_values

DRAW_COUNT = 1024  # of the prior at least, to see that they stay within its parameters' bounds

Drawn = dict[str, Any]  # {name: (count,) or (count, size)} of the prior


@dataclass(frozen=True)
class Report:
    """What the checker saw of a sound world.

    Args:
        windows_a_second: made, after compilation, on this machine.
        window_bytes: of one window's values.
        shares: {class: share of the windows}; {} of a regression.
        chance: accuracy of always saying the commonest class; 0 (the R² of the mean) of a regression.
        correlations: {output: of the physics' answers with the labels}; {} where ``explain`` is None.
    """

    windows_a_second: float
    window_bytes: int
    shares: dict[str, float]
    chance: float
    correlations: dict[str, float]


def check_world(world: World, *, seed: int = 0, count: int = 4096, least_share: float = 0.01) -> Report:
    """Refuse a world that breaks its contract.

    Checks that draws of the prior are physical, shapes and types of one step, then ``count`` windows: shape, float32,
    finite, labels within the classes, no class rarer than ``least_share``, the same windows from the same key and
    others from another; and of ``explain``: shape, finite, gradients, and that its
    answers follow the labels.

    Raises:
        Refused: FIELD_INVALID, WINDOW_SHAPE_MISMATCH or SAMPLE_NOT_FINITE, naming the function and what it should do.
    """
    _check_prior(world)
    drawing, flying = jax.random.split(jax.random.key(seed))
    drawn = jax.device_get(world.prior.sample(drawing, max(DRAW_COUNT, world.flight_count)))
    _check_draws(world, drawn)
    if world.steps is not None:
        _check_step(world, world.steps)
    _check_made(world, drawn, flying)
    values, labels = windows(world, jax.random.key(seed), count)
    check_values(values, world.task.sensor, field="observe")
    shares: dict[str, float] = {}
    if world.task.outputs:
        _check_targets(world, labels)
    else:
        shares = _check_labels(world, labels, least_share)
    seconds = _check_chance(world, values, seed)
    correlations = {} if world.explain is None else check_explain(world, world.explain, seed)
    return Report(count / seconds, values[0].nbytes, shares, max(shares.values(), default=0.0), correlations)


def _need(good: bool, field: str, problem: str, found: object, remedy: str) -> None:
    if not good:
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)


def _kind(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), tree)


def _check_prior(world: World) -> None:
    names = [parameter.name for parameter in world.prior.parameters]
    _need(len(set(names)) == len(names), "prior", "names must differ", sorted(names), "Rename one of the parameters.")
    for parameter in world.prior.parameters:
        fits = parameter.low <= parameter.high and parameter.unit and parameter.doc and parameter.size >= 1
        remedy = "Give it a unit, a line of words, a size and low <= high."
        _need(bool(fits), f"prior.{parameter.name}", "is not described", parameter, remedy)


def _check_draws(world: World, drawn: Drawn) -> None:
    """A distribution that breaks its promise is seen in what it draws."""
    count = max(DRAW_COUNT, world.flight_count)
    for parameter in world.prior.parameters:
        values, field = np.asarray(drawn[parameter.name], np.float64), f"prior.{parameter.name}"
        expected = (count,) if parameter.size == 1 else (count, parameter.size)
        remedy = "Correct its distribution's quantile."
        _need(values.shape == expected, field, f"draws must have shape {expected}", values.shape, remedy)
        slack = 1e-6 * max(abs(parameter.low), abs(parameter.high))  # float32 rounds
        inside = bool((values >= parameter.low - slack).all() and (values <= parameter.high + slack).all())
        bounds = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}"
        found = f"{values.min():g} to {values.max():g}"
        _need(inside, field, f"draws must stay within {bounds}", found, remedy)


def _check_step(world: World, steps: Steps) -> None:
    """Follow shapes through one step without running it."""
    parameters, key = world.prior.centre(), jax.random.key(0)
    state = jax.eval_shape(steps.init, key, parameters)
    reading = jax.eval_shape(steps.observe, state, parameters, key)
    expected = ((len(world.task.sensor.channels),), "float32")
    remedy = "Return one float32 number a channel of the task's sensor."
    _need(_kind(reading) == expected, "observe", f"must return {expected}", _kind(reading), remedy)
    label = jax.eval_shape(steps.label, state, reading, parameters)
    _need(_kind(label) == ((), "int32"), "label", "must return one int32", _kind(label), "Cast it, reduce it to one.")
    action = jax.eval_shape(steps.policy, reading, parameters)
    _same_state("step", state, jax.eval_shape(steps.step, state, action, parameters, key))
    _same_state("disturb", state, jax.eval_shape(steps.disturb, state, parameters, key))


def _same_state(field: str, before: State, after: State) -> None:
    remedy = "Return a state of the same structure, shapes and types as init."
    _need(_kind(before) == _kind(after), field, f"must return {_kind(before)}", _kind(after), remedy)


def _check_made(world: World, drawn: Drawn, flying: Key) -> None:
    """Types and shapes of one batch as the world makes it, before anything casts them."""
    one = {name: rows[: world.flight_count] for name, rows in drawn.items()}
    values, labels = jax.device_get(world.simulate(flying, one))
    _need(values.dtype == np.float32, "windows", "must be float32", values.dtype, "Cast them.")
    check_values(values[:1], world.task.sensor, field="windows")
    outputs = len(world.task.outputs)
    expected = ((len(values), outputs), "float32") if outputs else ((len(values),), "int32")
    found = (labels.shape, str(labels.dtype))
    _need(found == expected, "label", f"must be {expected}", found, "Return one answer for each window, and cast it.")
    even = len(values) > 0 and len(values) % world.flight_count == 0
    remedy = "Give the same number of windows for every flight."
    _need(even, "windows", f"must be as many for each of {world.flight_count} flights", len(values), remedy)


def _check_labels(world: World, labels: Labels, least_share: float) -> dict[str, float]:
    last = len(world.task.classes) - 1
    found = (int(labels.min()), int(labels.max()))
    _need(found[0] >= 0 and found[1] <= last, "label", f"must lie in 0 to {last}", found, "Use an index into classes.")
    shares = np.bincount(labels, minlength=last + 1) / len(labels)
    rarest = int(shares.argmin())
    problem = f"class {world.task.classes[rarest]} needs a share of {least_share:g}"
    remedy = "Widen the prior, disturb more, or fly longer, so that every class is seen."
    _need(bool(shares[rarest] >= least_share), "label", problem, f"{shares[rarest]:.4f}", remedy)
    return {name: float(share) for name, share in zip(world.task.classes, shares, strict=True)}


def _check_targets(world: World, targets: Answers) -> None:
    _need(bool(np.isfinite(targets).all()), "label", "must be finite", "NaN or infinite", "Bound the parameters.")
    still = [output.name for output, spread in zip(world.task.outputs, targets.std(0), strict=True) if spread == 0]
    _need(not still, "label", "every output must vary", still, "Widen the prior, or leave the output out.")


def _check_chance(world: World, values: Values, seed: int) -> float:
    """Seconds that as many windows took, now that everything is compiled."""
    start = time.perf_counter()
    again, _ = windows(world, jax.random.key(seed), len(values))
    seconds = time.perf_counter() - start
    same = bool(np.array_equal(again, values))
    _need(same, "windows", "must repeat for the same key", "other values", "Draw all chance from the keys given.")
    other, _ = windows(world, jax.random.key(seed + 1), len(values))
    differs = not np.array_equal(np.unique(other), np.unique(values))  # not only in another order
    remedy = "Use the keys that init and observe are given."
    _need(differs, "windows", "must change with the key", "equal values", remedy)
    return seconds
