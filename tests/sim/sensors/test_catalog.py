"""Every sensor of the table keeps the contract, and every file that makes one is in the table."""

import inspect
import pkgutil
from importlib import import_module

import pytest

import sim.sensors
from sim.check_sensor import check_sensor
from sim.sensor import Sensor
from sim.sensors import combinators
from sim.sensors.catalog import SENSORS


@pytest.mark.slow
@pytest.mark.parametrize("kind", SENSORS)
def test_a_sensor_of_the_table_keeps_its_contract(kind: str) -> None:
    sensor = SENSORS[kind](rate_hz=8000.0 if kind == "microphone" else 100.0, name="some")
    assert sensor.name == "some"
    check_sensor(sensor, sample_count=256)


def test_the_table_is_complete() -> None:
    modules = [import_module(f"sim.sensors.{found.name}") for found in pkgutil.iter_modules(sim.sensors.__path__)]
    makers = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__ != combinators.__name__
        and inspect.signature(value).return_annotation is Sensor
    }
    assert makers == set(SENSORS)
