"""What a body is doing, one sample at a time: an activity is commanded and the body follows.

    progress' = ±1 / (duration × share)       between seated (0) and standing (1)
    gait''    = (target - gait) / τ² - 2 gait' / τ       how much of a full stride, 1 walking, ``turn_gait`` turning
    yaw'''    = (target - yaw') / τ² - 2 yaw'' / τ       the turning rate, ± turn angle / turn duration
    phase'    = cadence / 2 × (1 + wander)               strides, while there is any gait; left heel strikes at 0
    place'    = cadence × step length × gait²            along the heading

so nothing a joint follows ever jumps, and a turn outlasts its command as a person's does. Restlessness is white noise
through the same critically damped filter: smooth, of unit deviation.

Reference: Winter, Biomechanics and Motor Control of Human Movement, 4th ed. 2009, ch. 4 (cadence, step length);
Kralj, Jaeger & Munih, Analysis of standing up and sitting down in humans, J. Biomech. 23(11), 1990 (durations).
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from sim.priors import Choice, Distribution, LogUniform, Normal, Parameter, Parameters, Uniform

RATE_HZ = 50.0
SEATED, STANDING_UP, WALKING, TURNING, SITTING_DOWN = range(5)
CLASSES = ("SEATED", "STANDING_UP", "WALKING", "TURNING", "SITTING_DOWN")
SCRIPT = (SEATED, STANDING_UP, WALKING, TURNING, WALKING, TURNING, SITTING_DOWN, SEATED)
RESTLESS = 11  # channels of restlessness: cadence, heel strikes, limbs (3), turning (3) and jolting (3) what is worn
UPRIGHT = 0.85  # progress from which one can walk
_DT = 1 / RATE_HZ
Seen = TypeVar("Seen")
_TIME_S = (0.3,) * 2 + (0.2,) * 3 + (0.018,) * 6  # of the filters of restlessness

ROWS: tuple[tuple[Parameter, Distribution], ...] = (
    (Parameter("seated_s", "s", 1.0, 2.0, "sitting still, before and after", 2), Uniform(1.0, 1.8)),
    (Parameter("stand_up_s", "s", 0.5, 2.5, "standing up"), Normal(1.2, 0.25, 0.8, 1.8)),
    (Parameter("walk_s", "s", 0.8, 4.0, "each walk", 2), Normal(2.4, 0.45, 1.4, 3.2)),
    (Parameter("turn_s", "s", 0.8, 2.0, "each turn", 2), Normal(1.15, 0.2, 0.8, 1.6)),
    (Parameter("sit_down_s", "s", 0.5, 3.0, "sitting down"), Normal(1.4, 0.3, 0.8, 2.2)),
    (Parameter("stand_share", "1", 0.3, 2.0, "time it takes to stand, of the time called so"), Uniform(0.8, 1.2)),
    (Parameter("sit_share", "1", 0.3, 2.0, "time it takes to sit, of the time called so"), Uniform(0.7, 1.15)),
    (Parameter("turn_angle_rad", "rad", 0.0, 6.3, "each turn", 2), Normal(2.95, 0.25, 2.0, 3.8)),
    (Parameter("turn_side", "1", -1.0, 1.0, "each turn: 1 left, -1 right", 2), Choice((-1.0, 1.0), (1.0, 1.0))),
    (Parameter("turn_lag_s", "s", 0.05, 0.5, "time constant of the turning rate"), Uniform(0.08, 0.2)),
    (Parameter("gait_lag_s", "s", 0.05, 0.5, "time constant of starting and stopping to walk"), Uniform(0.08, 0.25)),
    (Parameter("turn_gait", "1", 0.0, 1.5, "size of strides in a turn, of those in a walk"), Uniform(0.4, 0.95)),
    (Parameter("cadence_hz", "Hz", 0.5, 4.0, "steps a second"), Normal(1.75, 0.18, 1.2, 2.4)),
    (Parameter("cadence_wander", "1", 0.0, 0.5, "deviation of the cadence, as a share"), Uniform(0.02, 0.12)),
    (Parameter("step_share", "1", 0.0, 0.8, "length of a step, of the height"), Normal(0.36, 0.05, 0.2, 0.5)),
    (Parameter("first_phase", "1", 0.0, 1.0, "where in the stride walking begins"), Uniform(0.0, 1.0)),
    (Parameter("restless_gain", "1", 0.0, 10.0, "restlessness of all kinds"), LogUniform(0.6, 1.6)),
)


class Body(NamedTuple):
    """The state that outlasts a sample; every joint is a function of it (``sim.body.skeleton``)."""

    progress: jax.Array  # (): 0 seated to 1 standing
    rising: jax.Array  # (): 1 on the way up, 0 on the way down
    gait: jax.Array  # (2,): size of the strides, and its rate in 1/s
    yaw: jax.Array  # (3,): heading in rad, its rate, the rate's rate
    phase: jax.Array  # (): strides so far
    place: jax.Array  # (2,): of the feet on the ground, m
    restless: jax.Array  # (4, RESTLESS): value and rate of the last lag, then of the one before it


def seated(p: Parameters, key: jax.Array) -> Body:
    """On the seat, restless as ever."""
    zero, restless = jnp.zeros(()), jnp.clip(jax.random.normal(key, (4, RESTLESS)), -2, 2)
    restless = restless.at[1::2].set(0.0)
    return Body(zero, zero, jnp.zeros(2), jnp.zeros(3), p["first_phase"], jnp.zeros(2), restless)


def advance(body: Body, activity: jax.Array, turn: jax.Array, p: Parameters, chance: jax.Array) -> Body:
    """1/50 s under a command.

    Args:
        body: before.
        activity: index into ``CLASSES``, int32 ().
        turn: which of the two turns it would be, 0 or 1, int32 ().
        p: one value of each of ``ROWS`` and ``height_m``.
        chance: of this sample, (RESTLESS,) in (0, 1).
    """
    up = (activity >= STANDING_UP) & (activity <= TURNING)
    rate = jnp.where(up, 1 / (p["stand_share"] * p["stand_up_s"]), -1 / (p["sit_share"] * p["sit_down_s"]))
    progress = jnp.clip(body.progress + rate * _DT, 0.0, 1.0)
    turns = activity == TURNING
    walking = jnp.where(activity == WALKING, 1.0, jnp.where(turns, p["turn_gait"], 0.0))
    full = jnp.where(progress > UPRIGHT, walking, 0.0)
    gait = _follow(body.gait, full, p["gait_lag_s"])
    side, angle, seconds = (p[name][turn] for name in ("turn_side", "turn_angle_rad", "turn_s"))
    turning = jnp.where(turns, side * angle / seconds, 0.0)
    yaw = _follow(body.yaw[1:], turning, p["turn_lag_s"])
    heading = body.yaw[0] + yaw[0] * _DT
    restless = _stir(body.restless, chance)
    pace = p["cadence_hz"] * (1 + p["cadence_wander"] * restless[0, 0])
    way = pace * p["step_share"] * p["height_m"] * gait[0] ** 2 * _DT
    return Body(
        progress,
        up.astype(jnp.float32),
        gait,
        jnp.concatenate([heading[None], yaw]),
        body.phase + pace / 2 * _DT * jnp.clip(4 * gait[0], 0.0, 1.0),
        body.place + way * jnp.stack([jnp.cos(heading), jnp.sin(heading)]),
        restless,
    )


def _follow(state: jax.Array, target: jax.Array, seconds: jax.Array) -> jax.Array:
    """One sample of a critically damped second-order lag: value and rate (2,)."""
    value, rate = state
    rate = (rate + (target - value) / seconds**2 * _DT) / (1 + 2 * _DT / seconds)
    return jnp.stack([value + rate * _DT, rate])


def _stir(state: jax.Array, chance: jax.Array) -> jax.Array:
    """White noise through two lags (4, RESTLESS), so that acceleration is smooth too; the first row has deviation 1."""
    seconds = jnp.asarray(_TIME_S)
    white = jnp.sqrt(12.0) * (chance - 0.5) * jnp.sqrt(6.4 * seconds / _DT)
    return jnp.concatenate([_follow(state[:2], state[2], seconds), _follow(state[2:], white, seconds)])


def plan_s(p: Parameters) -> jax.Array:
    """Ends (8,) in s of the parts of ``SCRIPT``."""
    (before, after), (first, second), (one, two) = p["seated_s"], p["walk_s"], p["turn_s"]
    return jnp.cumsum(jnp.stack([before, p["stand_up_s"], first, one, second, two, p["sit_down_s"], after]))


def act(p: Parameters, key: jax.Array, sample_count: int, see: Callable[[Body], Seen]) -> tuple[Seen, jax.Array]:
    """The whole script, and the last part of it for as long as it takes.

    Args:
        p: one value of each of ``ROWS`` and ``height_m``.
        key: chance.
        sample_count: at ``RATE_HZ``.
        see: what to keep of a body. Here and not afterwards: XLA would join it with what follows and work it out anew
            for each sample's neighbours.

    Returns:
        What was seen, with a leading axis (sample_count,), and the activities commanded, int32 (sample_count,).
    """
    ends = plan_s(p)[:-1]
    time = jnp.arange(sample_count, dtype=jnp.float32) * _DT
    part = jnp.sum(time[:, None] >= ends[None, :], axis=1)
    activities = jnp.asarray(SCRIPT)[part]

    def following(body: Body, sample: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[Body, Seen]:
        activity, part, chance = sample
        after = advance(body, activity, (part >= 4).astype(jnp.int32), p, chance)
        return after, see(after)

    starting, going = jax.random.split(key)
    each = (activities, part, jax.random.uniform(going, (sample_count, RESTLESS)))
    return jax.lax.scan(following, seated(p, starting), each)[1], activities
