"""Does a world's own physics answer as it claims? Checks of ``World.explain``, part of ``sim.check.check_world``.

Gradients by autodiff are compared with central differences: a parameter that moves the answers must move them by its
gradient, or an identification that follows gradients goes astray.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sim.priors import Parameters
from sim.world import Explain, World
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values

WINDOW_COUNT = 512
STEPS = (0.25, 1e-2, 1e-3)  # of a central difference, as shares of the prior's middle half; one of them must agree
TOLERANCE = 0.05  # of the larger of the two slopes
STILL = 1e-3  # a slope that moves the answers by less, as a share of their deviation, is none
MOVED = 1e-2  # and one by more is one
LEAST_CORRELATION = 0.5


def check_explain(world: World, explain: Explain, seed: int) -> dict[str, float]:
    """Refuse physics whose answers or gradients are wrong.

    Returns:
        {output: correlation of the physics' answers with the labels of its own simulation}, at the prior's centre.

    Raises:
        Refused: FIELD_INVALID naming ``explain``, and the parameter where a gradient is wrong.
    """
    centre = world.prior.centre()
    values, labels = _simulated(world, centre, seed)
    answers = np.asarray(explain(centre, jnp.asarray(values)))
    expected = (len(values), len(world.task.outputs))
    found = (answers.shape, str(answers.dtype))
    _need(found == (expected, "float32"), f"must return {expected} float32", found, "Return one number an output.")
    _need(bool(np.isfinite(answers).all()), "must be finite", "NaN or infinite", "Guard roots and quotients.")
    _check_gradients(world, explain, centre, values, answers)
    return _correlations(world, answers, labels)


def _simulated(world: World, centre: Parameters, seed: int) -> tuple[Values, Answers]:
    """Windows of a whole batch at the prior's centre, ``WINDOW_COUNT`` of them, evenly spread."""
    rows = {name: jnp.broadcast_to(value[None], (world.flight_count, *value.shape)) for name, value in centre.items()}
    values, labels = jax.device_get(world.simulate(jax.random.key(seed), rows))
    chosen = np.linspace(0, len(values) - 1, min(WINDOW_COUNT, len(values))).astype(np.intp)
    return values[chosen], labels[chosen]


def _correlations(world: World, answers: Answers, labels: Answers) -> dict[str, float]:
    found = {}
    for number, output in enumerate(world.task.outputs):
        one, other = answers[:, number].astype(np.float64), labels[:, number].astype(np.float64)
        moved = one.std() > 0 and other.std() > 0
        found[output.name] = float(np.corrcoef(one, other)[0, 1]) if moved else 0.0
    worst = min(found, key=lambda name: found[name])
    remedy = "Answer for the sample that the label is of, in the label's unit and sign."
    good = found[worst] >= LEAST_CORRELATION
    _need(good, f"must follow the labels of {worst}, correlation {LEAST_CORRELATION}", f"{found[worst]:.3f}", remedy)
    return found


def _check_gradients(
    world: World, explain: Explain, centre: Parameters, values: Values, answers: npt.NDArray[np.float32]
) -> None:
    # Mixed at random: every window and output must be right for the sum to be.
    weights = np.random.default_rng(0).normal(size=answers.shape).astype(np.float32)
    scaled = jnp.asarray(weights / np.maximum(answers.std(0), 1e-9)[None] / len(values) ** 0.5)

    @jax.jit
    def answer(parameters: Parameters) -> jax.Array:
        return jnp.sum(explain(parameters, jnp.asarray(values)) * scaled)

    slopes = jax.device_get(jax.grad(answer)(centre))
    for parameter, distribution in zip(world.prior.parameters, world.prior.distributions, strict=True):
        quarters = np.asarray(distribution.quantile(jnp.asarray([0.25, 0.75], jnp.float32)))
        width = float(np.ptp(quarters))
        if width == 0:
            continue
        name = parameter.name
        slope = float(np.sum(slopes[name])) * width
        measured = [_difference(answer, centre, name, step * width) / step for step in STEPS]
        field, remedy = (
            f"explain.{name}",
            "Make explain differentiable by it: no rounding, no NaN where a branch is unused.",
        )
        _need(np.isfinite(slope), "its gradient must be finite", slope, remedy, field)
        good = any(abs(slope - other) <= TOLERANCE * max(abs(slope), abs(other)) + STILL for other in measured)
        flat = abs(slope) <= STILL and max(map(abs, measured)) > MOVED  # it moves in steps, or its gradient is cut off
        _need(good and not flat, f"its gradient must be its slope, {measured[0]:.4g}", f"{slope:.4g}", remedy, field)


def _difference(answer: jax.stages.Wrapped, centre: Parameters, name: str, step: float) -> float:
    """Half the change of the answer from ``step`` below to ``step`` above."""
    up, down = (float(answer({**centre, name: centre[name] + sign * step})) for sign in (1.0, -1.0))
    return (up - down) / 2


def _need(good: bool, problem: str, found: object, remedy: str, field: str = "explain") -> None:
    if not good:
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
