"""A net's front is chosen from the sensor's words, and refused where the sensor cannot have it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.architectures import ARCHITECTURES, front
from nets.front import FRONTS, gravity_of, vectors_of, with_correction
from nets.inference import between, features, logits
from nets.layers import Correct, GravityFrame, LogMel, Normalize, Spectrum, VectorNorms, shapes
from nets.model import Model
from nets.network import initial_arrays
from nets.pretraining import Recipe, build, input_statistics, pretrain
from slipway.errors import Reason, Refused
from slipway.spec import SensorSpec, TaskSpec
from tests.nets.sensors import CLIMBING, IMU, IMU_TASK, moving, sensor


def _task(of: SensorSpec) -> TaskSpec:
    return TaskSpec("asked", of, ("a", "b"))


SOUND = _task(sensor("sound 1", time=2000, rate_hz=8000.0))


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (IMU, ((0, 1, 2), (3, 4, 5))),
        (CLIMBING, ((1, 2, 3), (4, 5, 6))),
        (sensor("force_z", "force_y", "force_x"), ((2, 1, 0),)),
        (sensor("x", "y", "z"), ((0, 1, 2),)),
        (sensor("AccX", "AccY", "AccZ"), ((0, 1, 2),)),
        (sensor("axis_x", "axis_y", "axis_z"), ((0, 1, 2),)),
        (sensor("left_acc_x", "right_acc_x", "left_acc_y", "left_acc_z"), ((0, 2, 3),)),
        (sensor("acc_x", "acc_y"), ()),
        (sensor("acc_x", "acc_y", "acc_z mm/s2"), ()),
        (sensor("acc_x", "acc_Y", "acc_z"), ()),
    ],
)
def test_a_vector_is_three_channels_of_one_unit_that_differ_in_x_y_and_z(of: SensorSpec, expected: object) -> None:
    assert vectors_of(of) == expected


@settings(max_examples=50)
@given(st.permutations(range(7)))
def test_vectors_are_found_in_any_order_of_the_channels(order: list[int]) -> None:
    channels = tuple(CLIMBING.channels[index] for index in order)
    found = vectors_of(SensorSpec(channels, 50.0, 32))
    names = {tuple(channels[index].name for index in vector) for vector in found}
    assert names == {("acc_x", "acc_y", "acc_z"), ("gyr_x", "gyr_y", "gyr_z")}


def test_gravity_is_felt_by_the_acceleration_that_is_not_free_of_it() -> None:
    assert gravity_of(IMU) == 0
    axes = [f"{kind}_{axis}" for kind in ("body_acc [g]", "gyro rad/s", "total_acc [g]") for axis in "xyz"]
    names = [f"{name.split()[0]}_{name[-1]} {name.split()[1].split('_')[0]}" for name in axes]
    assert gravity_of(sensor(*names)) == 2
    assert gravity_of(sensor("force_x N", "force_y N", "force_z N")) is None


def test_each_front_scales_what_it_makes() -> None:
    expected = {"raw": (), "norms": (VectorNorms,), "gravity": (GravityFrame,), "spectral": (Spectrum,)}
    for name, kinds in expected.items():
        layers = front(IMU_TASK, name)
        assert tuple(type(layer) for layer in layers[:-1]) == kinds and layers[-1] == Normalize()
    assert isinstance(front(SOUND, "log_mel")[0], LogMel)


def test_left_to_itself_a_net_hears_sound_and_takes_all_else_as_it_is() -> None:
    assert front(SOUND) == front(SOUND, "log_mel") and front(IMU_TASK) == front(IMU_TASK, "raw") == (Normalize(),)


@pytest.mark.parametrize("time", [32, 33, 64, 100, 2048])
def test_a_spectrum_fits_windows_of_any_length_it_takes(time: int) -> None:
    layers = front(_task(sensor("a", "b", time=time)), "spectral")
    frames, bins = shapes(layers, (time, 2))[-1]
    assert frames >= 4 and bins >= 8


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", ["norms", "gravity", "spectral"])
def test_every_architecture_takes_every_front_through_json(architecture: str, name: str) -> None:
    options = json.loads(
        json.dumps({"front": name, "widths": [8], **({} if architecture == "mlp" else {"sizes": [3]})})
    )
    layers = build(IMU_TASK, Recipe(architecture, options))
    made = Model(IMU_TASK, layers, initial_arrays(layers, IMU.window_shape, 0))
    again = Model.from_bytes(made.to_bytes())
    assert again.layers == made.layers and hash(again.layers) == hash(made.layers)
    np.testing.assert_array_equal(logits(again, moving(4)), logits(made, moving(4)))


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("norms", sensor("force", "speed")),
        ("gravity", sensor("force", "speed")),
        ("gravity", sensor("gyr_x rad/s", "gyr_y rad/s", "gyr_z rad/s")),
        ("gravity", sensor("acc_x", "acc_y", "acc_z", time=1)),
        ("spectral", sensor("force", time=31)),
        ("log_mel", sensor("acc_x", time=2000)),
        ("nonsense", IMU),
    ],
)
def test_a_front_that_the_sensor_cannot_have_is_refused_with_its_name(name: str, of: SensorSpec) -> None:
    with pytest.raises(Refused) as refused:
        build(_task(of), Recipe("cnn", {"front": name}))
    assert refused.value.reason is Reason.FIELD_INVALID and refused.value.field == "recipe.options.front"
    assert name in refused.value.message and refused.value.remedy


def test_the_input_statistics_are_those_behind_the_front() -> None:
    values, labels = moving(64), np.arange(64, dtype=np.int32) % 3
    recipe = Recipe("cnn", {"widths": [4], "sizes": [3], "front": "gravity"}, epochs=1, validation_share=0.0)
    made = pretrain(IMU_TASK, values, labels, recipe=recipe).model
    mean, deviation = input_statistics(between(made.layers[:1], {}, values))
    np.testing.assert_allclose(made.arrays["1.mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(made.arrays["1.deviation"], deviation, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in FRONTS if name != "log_mel"])
def test_a_correction_of_nothing_in_front_changes_no_bit_of_an_answer(name: str) -> None:
    layers = build(IMU_TASK, Recipe("cnn", {"widths": [8, 8], "sizes": [3, 3], "front": name}))
    made = Model(IMU_TASK, layers, initial_arrays(layers, IMU.window_shape, 0))
    found = with_correction(made)
    assert found.layers == (Correct(), *layers) and with_correction(found) is found
    np.testing.assert_array_equal(features(found, moving(50)), features(made, moving(50)))
    np.testing.assert_array_equal(logits(found, moving(50)), logits(made, moving(50)))


def test_a_correction_undoes_a_mounting() -> None:
    layers = build(IMU_TASK, Recipe("cnn", {"widths": [8], "sizes": [3]}))
    found = with_correction(Model(IMU_TASK, layers, initial_arrays(layers, IMU.window_shape, 0)))
    quarter = np.kron(np.eye(2), [[0, -1, 0], [1, 0, 0], [0, 0, 1]]).astype(np.float32)
    turned = moving(20) @ quarter.T + 0.5
    arrays = {**found.arrays, "0.matrix": quarter, "0.offset": -np.full(6, 0.5, np.float32) @ quarter}
    np.testing.assert_allclose(
        logits(Model(IMU_TASK, found.layers, arrays), turned), logits(found, moving(20)), atol=1e-4
    )
