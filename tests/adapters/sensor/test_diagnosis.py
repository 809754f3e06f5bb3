"""A fault in plain words."""

from dataclasses import replace

import numpy as np

from adapters.sensor.diagnosis import SOUND, UNCLEAR, diagnosis, diagnosis_of
from adapters.sensor.fault import arrays_of, no_fault
from nets.front import with_correction
from nets.model import Model
from tests.adapters.devices import worn

SENSOR = worn().sensor
FINE = no_fault(6)


def said(**changed):
    return diagnosis(replace(FINE, **{name: np.asarray(value, float) for name, value in changed.items()}), SENSOR)


def test_nothing_is_wrong_with_a_sound_sensor():
    assert diagnosis(FINE, SENSOR) == (SOUND,) == ("no sensor fault found",)


def test_each_fault_has_its_words():
    assert said(rotation_rad=[0, 0, np.pi / 2]) == ("mounted rotated by 90° about z",)
    assert said(rotation_rad=[0, -np.pi, 0]) == ("mounted rotated by 180° about y",)
    assert said(rotation_rad=[-0.52, 0, 0]) == ("mounted rotated by -30° about x",)
    assert said(rotation_rad=np.deg2rad(40) * np.array([0.6, 0.8, 0]))[0].endswith(
        "40° about the axis (0.60, 0.80, 0.00)"
    )
    assert said(gain=[1.12, 1, 1, 1, 1, 1]) == ("channel acc_x reads 12 % high",)
    assert said(gain=[1, 1, 1, 1, 0.5, 1]) == ("channel gyr_y reads 50 % low",)
    assert said(gain=[1, 1, 3, 1, 1, 1]) == ("channel acc_z reads 3 times too high",)
    assert said(bias=[0, 0, -0.5, 0, 0, 0]) == ("channel acc_z reads 0.5 m/s2 too little",)
    assert said(lag=[0, 0, 0, 1, 1, 1]) == ("gyr lags acc by 20 ms",)
    assert said(lag=[0, 0, 0, -1, -1, -1]) == ("acc lags gyr by 20 ms",)


def test_what_matters_most_comes_first():
    words = said(rotation_rad=[0, 0, np.pi / 2], gain=[1.12, 1, 1, 1, 1, 1], bias=[0, 0, 0, 0.5, 0, 0])
    assert [row.split()[-1] for row in words] == ["z", "much", "high"]


def test_a_bias_is_weighed_by_the_channels_deviation():
    fault = replace(FINE, bias=np.array([0, 0, 0.05, 0, 0, 0]))
    assert diagnosis(fault, SENSOR) != (SOUND,)
    assert diagnosis(fault, SENSOR, np.full(6, 10.0)) == (SOUND,)


def test_a_model_tells_what_its_correction_undoes(worn_model):
    assert diagnosis_of(worn_model) == (SOUND,)
    model = with_correction(worn_model)
    fault = replace(FINE, rotation_rad=np.array([0, np.pi / 2, 0]))
    undone = {f"0.{name}": array for name, array in arrays_of(fault, SENSOR).items()}
    found = Model(model.task, model.layers, {**model.arrays, **undone})
    assert diagnosis_of(found) == ("mounted rotated by 90° about y",)
    odd = Model(model.task, model.layers, {**model.arrays, "0.matrix": np.ones((6, 6), np.float32)})
    assert diagnosis_of(odd) == (UNCLEAR,)
