"""What a sensor is: a pure function of the true state, with the parameters of its imperfections.

``sim.check_sensor.check_sensor`` checks a sensor of your own; ``sim.sensors`` holds ours, ``sim.sensors.combinators``
what can be put behind any of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

from sim.priors import Distribution, Parameter, Parameters, Prior
from slipway.spec import Channel

Truth = Any  # a pytree of arrays with a leading time axis; the sensor's docstring says which
Key = jax.Array


@dataclass(frozen=True, eq=False)
class Sensor:
    """One sensor of one device.

    Args:
        name: prefix of its parameters' names, unique within its world: ``"imu"``, ``"watch"``.
        channels: columns of its reading, with units.
        rate_hz: samples a second.
        parameters: what is imperfect about it, with physical bounds; names begin with ``name + "_"``.
        distributions: a typical device of its kind, one distribution a parameter.
        measure: (truth, parameters, key) → reading (time, channels) float32. Pure, and written for one recording.
        example: (key, sample_count) → a plausible truth, for ``check_sensor`` and for plots.
        reference: the paper, standard or data sheet that its equations follow.
        differentiable: names of parameters by which a reading has a useful gradient.
    """

    name: str
    channels: tuple[Channel, ...]
    rate_hz: float
    parameters: tuple[Parameter, ...]
    distributions: Mapping[str, Distribution]
    measure: Callable[[Truth, Parameters, Key], jax.Array]
    example: Callable[[Key, int], Truth]
    reference: str
    differentiable: tuple[str, ...] = ()

    @property
    def prior(self) -> Prior:
        """A typical device of this kind."""
        return Prior(self.parameters, tuple(self.distributions[parameter.name] for parameter in self.parameters))
