"""Does a sensor keep its contract? Run it on a sensor of your own before a world reads it."""

import re

import jax
import jax.numpy as jnp
import numpy as np

from sim.priors import Parameter, Parameters
from sim.sensor import Sensor, Truth
from slipway.errors import Reason, Refused
from slipway.spec import RATE_LIMIT_HZ, SensorSpec

LIKENESS = 0.1  # a reading's change may differ from what the gradient says by this share
WAY = (0.1, 0.5, 0.9)  # chances between which that change is taken, and their middle
DRAWS = 8  # devices tried
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)


def check_sensor(sensor: Sensor, *, seed: int = 0, sample_count: int = 512) -> None:
    """Refuse a sensor that breaks its contract.

    Checks its description (names, units, rate, bounds, a reference), then readings of ``sample_count`` samples of its
    example by ``DRAWS`` devices of its prior: shape, float32, finite, the same from the same key, another from another
    key where a parameter speaks of chance (noise, lost, jitter, ...), of another device, of another truth. Every number
    of a parameter named in ``differentiable`` must have a gradient that is finite, not zero, and whose integral is the
    change of the reading, to ``LIKENESS``.

    Args:
        sensor: the sensor.
        seed: of example, devices and keys.
        sample_count: length of the readings.

    Raises:
        Refused: FIELD_INVALID or SPEC_INVALID, naming the field of ``Sensor`` and what it should be.
    """
    _check_description(sensor)
    _check_prior(sensor)
    key = jax.random.key(seed)
    truth = sensor.example(key, sample_count)
    _check_readings(sensor, truth, key, sample_count)
    _check_gradients(sensor, truth, key)


def _need(good: bool, field: str, problem: str, found: object, remedy: str) -> None:
    if not good:
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)


def _check_description(sensor: Sensor) -> None:
    good = re.fullmatch(r"[a-z][a-z0-9_]*", sensor.name) is not None
    _need(good, "name", "needs small letters, digits and _", repr(sensor.name), "Name it like imu or left_watch.")
    rate = sensor.rate_hz
    _need(0 < rate <= RATE_LIMIT_HZ, "rate_hz", f"needs over 0 to {RATE_LIMIT_HZ:g}", rate, "Give samples a second.")
    SensorSpec(sensor.channels, sensor.rate_hz, 1)  # refuses channels that no task could have
    _need(bool(sensor.reference.strip()), "reference", "is empty", "''", "Name the paper or standard it follows.")


def _check_prior(sensor: Sensor) -> None:
    names = [parameter.name for parameter in sensor.parameters]
    _need(len(set(names)) == len(names), "parameters", "names must differ", sorted(names), "Rename one of them.")
    for parameter in sensor.parameters:
        _check_parameter(sensor.name, parameter)
    strange = sorted(set(sensor.distributions) ^ set(names))
    remedy = "Give each parameter one distribution, and nothing else."
    _need(not strange, "distributions", "must be one a parameter", f"{strange} in one of the two only", remedy)
    sensor.prior  # noqa: B018  (a prior refuses what lies out of bounds)
    unknown = sorted(set(sensor.differentiable) - set(names))
    _need(not unknown, "differentiable", "must name parameters", unknown, f"Choose from {', '.join(names)}.")


def _check_parameter(sensor_name: str, parameter: Parameter) -> None:
    field = f"parameters.{parameter.name}"
    prefix = sensor_name + "_"
    _need(parameter.name.startswith(prefix), field, f"must begin with {prefix}", parameter.name, f"Put {prefix} first.")
    described = parameter.unit and parameter.unit.isprintable() and parameter.doc and parameter.size >= 1
    remedy = "Give it a UCUM unit ('1' for a pure number), a line of words, a size and low <= high."
    _need(bool(described) and parameter.low <= parameter.high, field, "is not described", parameter, remedy)
    words = "_" + re.sub(r"[^a-z0-9]+", "_", parameter.unit.replace("/Hz^0.5", "/rthz").lower()).strip("_")
    told = parameter.unit == "1" or f"{words}_" in parameter.name + "_"
    _need(told, field, f"must tell its unit, {parameter.unit}", parameter.name, f"Put {words} into the name.")


def _check_readings(sensor: Sensor, truth: Truth, key: jax.Array, sample_count: int) -> None:
    measure = jax.jit(sensor.measure)
    devices = sensor.prior.sample(key, DRAWS)
    first, *others = (_device(devices, number) for number in range(DRAWS))
    _check_shape(sensor, jax.eval_shape(sensor.measure, truth, first, key), sample_count)
    reading = np.asarray(measure(truth, first, key))
    again = np.asarray(measure(truth, first, key))
    same = np.array_equal(reading, again, equal_nan=True)
    _need(same, "measure", "must repeat for the same key", "another reading", "Draw all chance from the key.")
    readings = [reading, *(np.asarray(measure(truth, one, key)) for one in others)]
    finite = all(np.isfinite(one).all() for one in readings)
    _need(finite, "measure", "must be finite", "NaN or infinite", "Keep the parameters away from where it breaks.")
    moved = any(not np.array_equal(reading, one) for one in readings[1:])
    _need(moved, "measure", "must depend on its parameters", "equal readings of all devices", "Use the parameters.")
    ways = (np.asarray(measure(truth, one, jax.random.key(7919))) for one in (first, *others))
    fresh = any(not np.array_equal(a, b) for a, b in zip(readings, ways, strict=True))
    _need(fresh or not _noisy(sensor), "measure", "must change with the key", "equal readings", "Use the key.")
    truths = sensor.example(jax.random.key(7919), sample_count)
    blind = np.array_equal(reading, np.asarray(measure(truths, first, key)))
    _need(not blind, "example", "must move the reading", "equal readings of two truths", "Draw it from the key.")


def _check_shape(sensor: Sensor, found: jax.ShapeDtypeStruct, sample_count: int) -> None:
    expected = ((sample_count, len(sensor.channels)), "float32")
    kind = (found.shape, str(found.dtype))
    remedy = "Return one float32 row a sample of the example and one column a channel."
    _need(kind == expected, "measure", f"must return {expected}", kind, remedy)


def _noisy(sensor: Sensor) -> bool:
    """Whether a parameter says that there is chance in a reading."""
    marks = ("noise", "lost", "dropout", "jitter", "walk", "wander", "fluctuation")
    return any(mark in parameter.name for parameter in sensor.parameters for mark in marks)


def _device(devices: Parameters, number: int) -> Parameters:
    return {name: values[number] for name, values in devices.items()}


def _check_gradients(sensor: Sensor, truth: Truth, key: jax.Array) -> None:
    """Compare, for every number of a parameter, the change of a reading with the gradient's integral on the way."""
    centre = sensor.prior.centre()

    def reading(values: Parameters) -> jax.Array:
        return sensor.measure(truth, values, key)

    read = jax.jit(reading)
    slope = jax.jit(lambda at, towards: jax.jvp(reading, (at,), (towards,))[1])
    still = jax.tree.map(jnp.zeros_like, centre)
    for name in sensor.differentiable:
        low, high = _way(sensor, name)
        for one in _ones(centre[name]):

            def at(value: float, name: str = name, one: jax.Array = one) -> Parameters:
                return {**centre, name: jnp.where(one != 0, value, centre[name])}

            change = np.asarray(read(at(high)), np.float64) - np.asarray(read(at(low)), np.float64)
            points = (low + high + (high - low) * _NODES) / 2
            slopes = [np.asarray(slope(at(float(point)), {**still, name: one}), np.float64) for point in points]
            _check_gradient(name, np.tensordot(_WEIGHTS, slopes, 1) * (high - low) / 2, change)


def _check_gradient(name: str, expected: np.ndarray, change: np.ndarray) -> None:
    field = f"differentiable.{name}"
    good = bool(np.isfinite(expected).all())
    _need(good, field, "needs a finite gradient", "NaN or infinite", "Keep it from where it breaks.")
    remedy = "Take it off the list, or look through rounding as sim.sensors.rounding does."
    _need(bool(expected.any()), field, "needs a gradient that is not zero", "no sample that moves", remedy)
    share = float(np.vdot(change, expected) / np.vdot(expected, expected))  # over all samples: one may jump in steps
    found = f"a change of {share:.3g} times what the gradient says"
    _need(abs(share - 1) <= LIKENESS, field, "must agree with differences of readings", found, remedy)


def _ones(value: jax.Array) -> list[jax.Array]:
    """For each number of a parameter, () or (size,), an array of that shape that is one there and zero elsewhere."""
    return list(jnp.eye(max(1, value.size), dtype=value.dtype).reshape(-1, *value.shape))


def _way(sensor: Sensor, name: str) -> tuple[float, float]:
    """Most of the range that a parameter has; where it has none, one per cent to each side."""
    low, middle, high = sensor.distributions[name].quantile(jnp.array(WAY)).tolist()
    around = 0.01 * (abs(middle) or 1.0)
    return (low, high) if high > low else (middle - around, middle + around)
