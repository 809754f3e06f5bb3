"""Does a world keep its contract? Run it on a world of your own before you train from it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sim.generate import windows
from sim.world import State, Steps, World
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Labels, Values, check_values


def check_world(world: World, *, seed: int = 0, count: int = 4096, least_share: float = 0.01) -> None:
    """Refuse a world that breaks its contract.

    Checks shapes and types of one step, then ``count`` windows: shape, float32, finite, labels within the classes, no
    class rarer than ``least_share``, the same windows from the same key and others from another.

    Raises:
        Refused: FIELD_INVALID, WINDOW_SHAPE_MISMATCH or SAMPLE_NOT_FINITE, naming the function and what it should do.
    """
    _check_prior(world)
    if world.steps is not None:
        _check_step(world, world.steps)
    values, labels = windows(world, jax.random.key(seed), count)
    _check_windows(world, values)
    if world.task.outputs:
        _check_targets(world, labels)
    else:
        _check_labels(world, labels, least_share)
    _check_chance(world, values, seed)


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


def _check_windows(world: World, values: Values) -> None:
    _need(values.dtype == np.float32, "windows", "must be float32", values.dtype, "Cast in observe.")
    check_values(values, world.task.sensor, field="observe")


def _check_labels(world: World, labels: Labels, least_share: float) -> None:
    last = len(world.task.classes) - 1
    found = (int(labels.min()), int(labels.max()))
    _need(found[0] >= 0 and found[1] <= last, "label", f"must lie in 0 to {last}", found, "Use an index into classes.")
    shares = np.bincount(labels, minlength=last + 1) / len(labels)
    rarest = int(shares.argmin())
    problem = f"class {world.task.classes[rarest]} needs a share of {least_share:g}"
    remedy = "Widen the prior, disturb more, or fly longer, so that every class is seen."
    _need(bool(shares[rarest] >= least_share), "label", problem, f"{shares[rarest]:.4f}", remedy)


def _check_targets(world: World, targets: Answers) -> None:
    expected = ((len(world.task.outputs),), "float32")
    found = (targets.shape[1:], str(targets.dtype))
    _need(found == expected, "label", f"must be {expected} a window", found, "Return one float32 number an output.")
    _need(bool(np.isfinite(targets).all()), "label", "must be finite", "NaN or infinite", "Bound the parameters.")
    still = [output.name for output, spread in zip(world.task.outputs, targets.std(0), strict=True) if spread == 0]
    _need(not still, "label", "every output must vary", still, "Widen the prior, or leave the output out.")


def _check_chance(world: World, values: Values, seed: int) -> None:
    again, _ = windows(world, jax.random.key(seed), len(values))
    same = bool(jnp.array_equal(again, values))
    _need(same, "windows", "must repeat for the same key", "other values", "Draw all chance from the keys given.")
    other, _ = windows(world, jax.random.key(seed + 1), len(values))
    differs = not np.array_equal(np.unique(other), np.unique(values))  # not only in another order
    _need(
        differs, "windows", "must change with the key", "equal values", "Use the keys that init and observe are given."
    )
