"""Two links and two geared motors in a vertical plane: the equations, both ways.

Angles are q = (q₁, q₂), zero hanging down, the second relative to the first. With the inertias Iᵢ = mᵢrᵢ² + Jᵢ about
each link's own joint, rotor inertia J on the motor's side of a gear of ratio n, and the elbow's motor riding on
the first link,

    M₁₁ = I₁ + I₂ + m₂l₁² + 2 m₂l₁r₂ cos q₂ + n²J + J,   M₁₂ = I₂ + m₂l₁r₂ cos q₂ + nJ,   M₂₂ = I₂ + n²J,
    h = m₂l₁r₂ sin q₂ (-2q̇₁q̇₂ - q̇₂², q̇₁²),
    g = γ ((m₁r₁ + m₂l₁) sin q₁ + m₂r₂ sin(q₁+q₂), m₂r₂ sin(q₁+q₂)).

What arrives at a joint, M q̈ + h + g, is the motor's torque τ less friction: b q̇ + (c + η|τ|) tanh(q̇/s), viscous, dry,
and the gear's loss under load.

Reference: Wiebe et al., Open Source Dual-Purpose Acrobot and Pendubot Platform, IEEE Robotics and Automation Magazine
31(2), 2024, https://doi.org/10.1109/MRA.2023.3341257; Spong, Hutchinson & Vidyasagar, Robot Modeling and Control, 2006,
§7.3; for load-dependent friction Armstrong-Hélouvry, Dupont & Canudas de Wit, Automatica 30(7), 1994.
"""

import jax
import jax.numpy as jnp

from sim.priors import Distribution, LogUniform, Parameter, Parameters, Uniform

GRAVITY_M_S2 = 9.81
GEAR = 6.0

PARAMETERS = (
    Parameter("mass_1_kg", "kg", 0.05, 5.0, "of the upper link with what is fixed to it"),
    Parameter("mass_2_kg", "kg", 0.05, 5.0, "of the lower link"),
    Parameter("length_1_m", "m", 0.05, 1.0, "from shoulder to elbow"),
    Parameter("length_2_m", "m", 0.05, 1.0, "from elbow to tip; only the picture needs it"),
    Parameter("com_1_m", "m", 0.0, 1.0, "from the shoulder to the upper link's centre of mass"),
    Parameter("com_2_m", "m", 0.0, 1.0, "from the elbow to the lower link's centre of mass"),
    Parameter("inertia_1_kg_m2", "kg.m2", 0.0, 1.0, "of the upper link about its centre of mass"),
    Parameter("inertia_2_kg_m2", "kg.m2", 0.0, 1.0, "of the lower link about its centre of mass"),
    Parameter("rotor_kg_m2", "kg.m2", 0.0, 0.001, "of each motor's rotor, before the gear"),
    Parameter("viscous_1_n_m_s", "N.m.s/rad", 0.0, 1.0, "shoulder friction that grows with speed"),
    Parameter("viscous_2_n_m_s", "N.m.s/rad", 0.0, 1.0, "elbow friction that grows with speed"),
    Parameter("dry_1_n_m", "N.m", 0.0, 2.0, "shoulder friction at any speed"),
    Parameter("dry_2_n_m", "N.m", 0.0, 2.0, "elbow friction at any speed"),
    Parameter("load_loss_1", "1", 0.0, 0.6, "share of the torque lost in the shoulder's gear"),
    Parameter("load_loss_2", "1", 0.0, 0.6, "share of the torque lost in the elbow's gear"),
    Parameter("slip_rad_s", "rad/s", 0.02, 5.0, "speed at which dry friction is fully there"),
)

DISTRIBUTIONS: dict[str, Distribution] = {
    "mass_1_kg": Uniform(0.3, 1.0),
    "mass_2_kg": Uniform(0.3, 1.0),
    "length_1_m": Uniform(0.15, 0.35),
    "length_2_m": Uniform(0.15, 0.35),
    "com_1_m": Uniform(0.1, 0.35),
    "com_2_m": Uniform(0.1, 0.35),
    "inertia_1_kg_m2": Uniform(0.001, 0.03),
    "inertia_2_kg_m2": Uniform(0.001, 0.03),
    "rotor_kg_m2": Uniform(0.0, 0.00015),
    "viscous_1_n_m_s": LogUniform(0.0005, 0.05),
    "viscous_2_n_m_s": LogUniform(0.0005, 0.05),
    "dry_1_n_m": LogUniform(0.01, 0.2),
    "dry_2_n_m": LogUniform(0.01, 0.2),
    "load_loss_1": Uniform(0.0, 0.3),
    "load_loss_2": Uniform(0.0, 0.3),
    "slip_rad_s": LogUniform(0.1, 1.0),
}


def inertia(angle: jax.Array, p: Parameters) -> tuple[jax.Array, jax.Array, jax.Array]:
    """M₁₁, M₁₂ and M₂₂ in kg m² for angles (..., 2)."""
    bend = p["mass_2_kg"] * p["length_1_m"] * p["com_2_m"] * jnp.cos(angle[..., 1])
    upper = p["inertia_1_kg_m2"] + p["mass_1_kg"] * p["com_1_m"] ** 2 + p["mass_2_kg"] * p["length_1_m"] ** 2
    lower, rotor = p["inertia_2_kg_m2"] + p["mass_2_kg"] * p["com_2_m"] ** 2, p["rotor_kg_m2"]
    reflected = GEAR**2 * rotor
    return upper + lower + 2 * bend + reflected + rotor, lower + bend + GEAR * rotor, lower + reflected


def drift(angle: jax.Array, velocity: jax.Array, p: Parameters) -> jax.Array:
    """h + g, what holds a motion without acceleration: (..., 2) in N m."""
    bend = p["mass_2_kg"] * p["length_1_m"] * p["com_2_m"] * jnp.sin(angle[..., 1])
    one, two = velocity[..., 0], velocity[..., 1]
    upper = GRAVITY_M_S2 * (p["mass_1_kg"] * p["com_1_m"] + p["mass_2_kg"] * p["length_1_m"])
    tip = GRAVITY_M_S2 * p["mass_2_kg"] * p["com_2_m"] * jnp.sin(angle[..., 0] + angle[..., 1])
    shoulder = upper * jnp.sin(angle[..., 0]) + tip - bend * two * (2 * one + two)
    return jnp.stack([shoulder, tip + bend * one * one], axis=-1)


def motor_torque(angle: jax.Array, velocity: jax.Array, acceleration: jax.Array, p: Parameters) -> jax.Array:
    """Inverse dynamics: what the motors must give for this motion.

    Args:
        angle: (..., 2) in rad.
        velocity: (..., 2) in rad/s.
        acceleration: (..., 2) in rad/s².

    Returns:
        (..., 2) in N m, after the gear.
    """
    m11, m12, m22 = inertia(angle, p)
    one, two = acceleration[..., 0], acceleration[..., 1]
    moved = jnp.stack([m11 * one + m12 * two, m12 * one + m22 * two], axis=-1)
    sliding = jnp.tanh(velocity / p["slip_rad_s"])
    lost = _pair("viscous", "n_m_s", p, velocity) + _pair("dry", "n_m", p, sliding)
    needed = moved + drift(angle, velocity, p) + lost
    loss = _pair("load_loss", "", p, sliding)
    return needed / (1 - loss * jnp.sign(needed))


def acceleration(angle: jax.Array, velocity: jax.Array, torque: jax.Array, p: Parameters) -> jax.Array:
    """Forward dynamics: (..., 2) in rad/s²; the inverse of ``motor_torque``."""
    m11, m12, m22 = inertia(angle, p)
    sliding = jnp.tanh(velocity / p["slip_rad_s"])
    lost = _pair("viscous", "n_m_s", p, velocity) + _pair("dry", "n_m", p, sliding)
    lost += _pair("load_loss", "", p, sliding) * jnp.abs(torque)
    one, two = jnp.moveaxis(torque - lost - drift(angle, velocity, p), -1, 0)
    return jnp.stack([m22 * one - m12 * two, m11 * two - m12 * one], axis=-1) / (m11 * m22 - m12 * m12)[..., None]


def energy(angle: jax.Array, velocity: jax.Array, p: Parameters) -> jax.Array:
    """Kinetic and potential energy (...) in J, zero where the arm hangs still."""
    m11, m12, m22 = inertia(angle, p)
    one, two = velocity[..., 0], velocity[..., 1]
    upper = p["mass_1_kg"] * p["com_1_m"] + p["mass_2_kg"] * p["length_1_m"]
    height = upper * (1 - jnp.cos(angle[..., 0]))
    height += p["mass_2_kg"] * p["com_2_m"] * (1 - jnp.cos(angle[..., 0] + angle[..., 1]))
    return 0.5 * (m11 * one * one + 2 * m12 * one * two + m22 * two * two) + GRAVITY_M_S2 * height


def advance(state: jax.Array, torque: jax.Array, p: Parameters, seconds: float) -> jax.Array:
    """One Runge-Kutta step of order 4 under constant torques.

    Args:
        state: angles and velocities (4,) in rad and rad/s.
        torque: (2,) in N m.
        seconds: length of the step.
    """

    def slope(state: jax.Array) -> jax.Array:
        return jnp.concatenate([state[2:], acceleration(state[:2], state[2:], torque, p)])

    first = slope(state)
    second = slope(state + seconds / 2 * first)
    third = slope(state + seconds / 2 * second)
    fourth = slope(state + seconds * third)
    return state + seconds / 6 * (first + 2 * second + 2 * third + fourth)


def _pair(name: str, unit: str, p: Parameters, by: jax.Array) -> jax.Array:
    """A parameter of both joints times (..., 2)."""
    one, two = (p["_".join(filter(None, (name, joint, unit)))] for joint in "12")
    return jnp.stack([one * by[..., 0], two * by[..., 1]], axis=-1)
