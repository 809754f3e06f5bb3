"""Where methods and the gate are judged: a labelled source, and a device's pool and test that it must serve."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jax
import numpy as np

from nets.model import Model
from nets.pretraining import Pretrained, pretrain
from nets.recipe import recipe_for
from sim.generate import windows
from sim.worlds.wearable import WEARABLE_PHONE
from slipway.spec import SensorSpec, TaskSpec
from slipway.windows import Values
from studies import contact, keyword, pendulum, rover, wearable
from studies.study import Domain, Study
from studies.wearable import PHONE, WATCH

SIMULATED = 24_000  # windows at most: many bases are learned, and each should take a minute


@dataclass(frozen=True)
class Scenario:
    """One way from a source to a device.

    Args:
        name: of its files.
        task: what is asked.
        recording: its folder below ``SLIPWAY_DATA``.
        source: (folder, seed) → labelled windows to learn a base from.
        target: folder → pool and test of the device, no window shared.
        simulated: whether the source's labels hold no mistakes.
        shares: name of the scenario whose base it adapts; its own by default.
    """

    name: str
    task: TaskSpec
    recording: str
    source: Callable[[Path, int], Domain]
    target: Callable[[Path], tuple[Domain, Domain]]
    simulated: bool = True
    shares: str = ""


@dataclass(frozen=True)
class Base:
    """What was learned from a scenario's source.

    Args:
        model: the base.
        confidence: its mean confidence on held-out windows of the source; None for a regression.
    """

    model: Model
    confidence: float | None


def base(scenario: Scenario, source: Domain, seed: int, kept: Path) -> Base:
    """The base of one seed, learned once and kept below ``kept``."""
    file = kept / f"{scenario.shares or scenario.name}-{seed}.safetensors"
    noted = file.with_suffix(".txt")
    if file.is_file() and noted.is_file():
        confidence = float(noted.read_text())
        return Base(Model.from_bytes(file.read_bytes()), None if np.isnan(confidence) else confidence)
    recipe = recipe_for(scenario.task, len(source.labels), simulated=scenario.simulated)
    found: Pretrained = pretrain(scenario.task, source.values, source.labels, recipe=recipe, seed=seed)
    kept.mkdir(parents=True, exist_ok=True)
    file.write_bytes(found.model.to_bytes())
    noted.write_text(str(float("nan") if found.confidence is None else found.confidence))
    return Base(found.model, found.confidence)


def _simulated(study: Study, folder: Path, seed: int) -> Domain:
    return Domain(*windows(study.world, jax.random.key(seed), min(study.window_count, SIMULATED)))


def _of_study(study: Study) -> Scenario:
    return Scenario(study.name, study.task, study.recording, partial(_simulated, study), study.load)


def _from_pair(source: int, target: int, name: str) -> Scenario:
    return Scenario(
        name,
        replace(WEARABLE_PHONE.task, name=name),
        wearable.NAME,
        lambda folder, seed: wearable.domains(source, folder)[0],
        lambda folder: wearable.domains(target, folder),
        simulated=False,
    )


def _faulty(study: Study, name: str, fault: Callable[[Values], Values]) -> Scenario:
    """A recorded device with a planted sensor fault."""

    def target(folder: Path) -> tuple[Domain, Domain]:
        pool, test = study.load(folder)
        return Domain(fault(pool.values), pool.labels), Domain(fault(test.values), test.labels)

    return replace(_of_study(study), name=name, target=target, shares=study.name)


def turned(values: Values) -> Values:
    """The phone put into the pocket the other way round: half a turn about its y axis."""
    return np.ascontiguousarray(values * np.array([-1, 1, -1, -1, 1, -1], np.float32))


def long_ranges(values: Values) -> Values:
    """Ranges that read a quarter long, as sound does where the air is warmer than the sensor believes."""
    return np.minimum(values * np.float32(1.25), np.float32(5.0))


_FRICTION = replace(
    contact.WORLD.task, name="contact_friction", sensor=SensorSpec(contact.WORLD.task.sensor.channels, 1000.0, 20)
)
_ROVER, _CONTACT, _KEYWORD, _PENDULUM = (module.STUDIES[0] for module in (rover, contact, keyword, pendulum))
_PHONE, _WATCH = wearable.STUDIES

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        _of_study(_ROVER),
        _faulty(_ROVER, "rover_long", long_ranges),
        _of_study(_PHONE),
        _faulty(_PHONE, "wearable_phone_turned", turned),
        _of_study(_WATCH),
        _from_pair(PHONE, WATCH, "phone_watch"),
        _from_pair(WATCH, PHONE, "watch_phone"),
        Scenario(
            "contact_friction",
            _FRICTION,
            contact.NAME,
            lambda folder, seed: contact.friction_domains(folder)[0],
            lambda folder: contact.friction_domains(folder)[1:],
        ),
        _of_study(_CONTACT),
        _of_study(_KEYWORD),
        _of_study(_PENDULUM),
        Scenario(
            "pendulum_a0_c0",
            replace(_PENDULUM.task, name="pendulum_a0_c0"),
            pendulum.NAME,
            lambda folder, seed: pendulum.recorded_source(folder),
            _PENDULUM.load,
            simulated=False,
        ),
    )
}
