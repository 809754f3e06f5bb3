"""Identification from windows of a device that nobody labelled and no simulation was run beside.

Recordings are simulated by the thousand, each reduced to statistics; a network learns which parameters made which
statistics (``posterior``), and answers for the recording at hand. What comes out is a prior like the one that went in,
narrower where the recording speaks. Parameters that the device keeps are named by the caller; of all others it is
unknown how far they vary within a recording (see ``recordings``), and the posterior tells what the *next* flight's may
be, so nothing is held for known only because one day went like another.
"""

import time
from collections.abc import Callable, Sequence

import jax
import numpy as np
import numpy.typing as npt

from sim.identify import posterior
from sim.identify.fit import Fit
from sim.identify.identifier import Identifier
from sim.identify.reach import RECORDINGS, compare, reach
from sim.identify.recordings import free, simulate, windows_a_flight
from sim.identify.summaries import of_recording
from sim.priors import Prior
from sim.world import World
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec
from slipway.windows import Values, check_values

FLIGHTS = 16  # of a simulated recording: more say more and take longer
LEAST_FLIGHTS = 4
LEAST_WINDOWS = 64
LEAST_SIMULATIONS = 500
FAR_OFF = 0.01  # p-value under the prior below which a recording is another device's
SIMULATING, TRAINING = 0.6, 0.3  # shares of the time

Progress = Callable[[float], None]


def fit(
    world: World,
    values: npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    prior: Prior | None = None,
    sensor: SensorSpec | None = None,
    flights: int = FLIGHTS,
    simulations: int = 20_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fit:
    """Which parameters of ``world`` make windows like these?

    Args:
        world: the simulator.
        values: windows of one device (count, time, channels) in the order of time, in the world's units and cut as the
            world cuts them.
        names: parameters that the device keeps through the whole recording. None: nothing is known to be kept; every
            parameter may vary in part.
        prior: what is known before; the world's own by default.
        sensor: what made the windows, if that is written down: refused where it differs from the world's.
        flights: how many scenes the recording is worth at most. A long recording of few scenes is worth few.
        simulations: recordings to simulate.
        progress: called with the share that is done.

    Raises:
        Refused: FIELD_INVALID: an unknown parameter, a prior of another world or without a range, a recording that is
            too short, too few simulations. SENSOR_MISMATCH, RATE_MISMATCH, WINDOW_SHAPE_MISMATCH or SAMPLE_NOT_FINITE:
            a recording that is not of this sensor.

    Example:
        >>> found = fit(WORLD, windows, names=["dropout_share", "range_gain"])
        >>> print(found.prior)
    """
    started, tell = time.perf_counter(), progress or (lambda share: None)
    if sensor is not None:
        check_sensor_agrees(sensor, world.task.sensor)
    checked = check_values(values, world.task.sensor)
    made = identifier(
        world,
        len(checked),
        names=names,
        prior=prior,
        flights=flights,
        simulations=simulations,
        seed=seed,
        progress=tell,
    )
    return answer(made, checked, seed=seed, started=started)


def identifier(
    world: World,
    window_count: int,
    *,
    names: Sequence[str] | None = None,
    prior: Prior | None = None,
    flights: int = FLIGHTS,
    simulations: int = 20_000,
    seed: int = 0,
    progress: Progress = lambda share: None,
) -> Identifier:
    """Train for recordings of ``window_count`` windows or more; arguments and refusals are those of ``fit``."""
    before, device = world.prior if prior is None else prior, tuple(names or ())
    _check(world, before, device, simulations)
    windows = windows_a_flight(world)
    flight_count = _flight_count(window_count, windows, flights)
    key = jax.random.key(seed)
    made = simulate(world, before, device, key, simulations, flight_count, lambda share: progress(SIMULATING * share))
    bound = [one.columns.start for one in free(before) if one.parameter.size == 1]
    learned = posterior.train(
        made.statistics.reshape(len(made.latents), -1),
        made.latents,
        np.asarray(bound, np.intp),
        seed=seed,
        progress=lambda share: progress(SIMULATING + TRAINING * share),
    )
    return Identifier(world, before, device, windows, flight_count, learned, simulations, made.statistics[:RECORDINGS])


def answer(made: Identifier, values: Values, *, seed: int = 0, started: float | None = None) -> Fit:
    """What an identifier says of one recording, and whether the recording is in reach."""
    begun = time.perf_counter() if started is None else started
    statistics = of_recording(values, made.window_count, made.flight_count)
    after = made.fitted(statistics)
    found = compare(made.world, made.window_count, statistics, made.examples).reach
    if found.p_value >= FAR_OFF:  # else no posterior can be trusted, and what is wrong shows best beside the prior
        found = reach(made.world, after, values, names=made.device, flights=made.flight_count, seed=seed)
    windows = made.simulations * made.flight_count * made.window_count
    seconds = time.perf_counter() - begun
    return Fit("unpaired", after, made.marginals(statistics), found, windows, seconds, {})


def check_sensor_agrees(found: SensorSpec, expected: SensorSpec) -> None:
    """Refuse a recording of another sensor than the world's.

    Raises:
        Refused: SENSOR_MISMATCH naming the channel, RATE_MISMATCH, or WINDOW_SHAPE_MISMATCH.
    """
    if found.rate_hz != expected.rate_hz:
        raise Refused(Reason.RATE_MISMATCH, field="sensor.rate_hz", found=found.rate_hz, expected=expected.rate_hz)
    if found.window_shape != expected.window_shape:
        shapes = {"found": found.window_shape, "expected": expected.window_shape}
        raise Refused(Reason.WINDOW_SHAPE_MISMATCH, field="sensor", **shapes)
    for index, (one, other) in enumerate(zip(found.channels, expected.channels, strict=True)):
        if one != other:
            words = {"found": f"{one.name} in {one.unit}", "expected": f"{other.name} in {other.unit}"}
            raise Refused(Reason.SENSOR_MISMATCH, field=f"sensor.channels[{index}]", index=index, **words)


def _check(world: World, prior: Prior, device: Sequence[str], simulations: int) -> None:
    if prior.parameters != world.prior.parameters:
        remedy = "Start from the world's own: world.prior.replace(...)."
        _refuse("prior", f"must be one of {world.name}", [p.name for p in prior.parameters][:4], remedy)
    known = [parameter.name for parameter in prior.parameters]
    for name in device:
        if name not in known:
            _refuse(f"names.{name}", "is no parameter of this world", repr(name), f"Known: {', '.join(known)}.")
    if not free(prior):
        _refuse("prior", "leaves nothing open", "constants only", "Give one parameter a range.")
    if simulations < LEAST_SIMULATIONS:
        problem = f"must be {LEAST_SIMULATIONS} or more"
        _refuse("simulations", problem, simulations, "Simulate more: several thousand give sharp answers.")


def _flight_count(window_count: int, windows: int, flights: int) -> int:
    """Flights that a recording of ``window_count`` windows is compared with."""
    if flights < LEAST_FLIGHTS:
        _refuse("flights", f"must be {LEAST_FLIGHTS} or more", flights, f"Set flights to {FLIGHTS}.")
    least = max(LEAST_FLIGHTS * windows, LEAST_WINDOWS)
    if window_count < least:
        problem = f"a recording needs {least} windows or more to identify from"
        _refuse("values", problem, f"{window_count}", "Record for longer, or cut windows that overlap more.")
    return min(flights, window_count // windows)


def _refuse(field: str, problem: str, found: object, remedy: str) -> None:
    raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
