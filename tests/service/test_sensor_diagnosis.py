"""What the sensor of a device has, told by a job: a phone that is carried a quarter turn round."""

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapters.sensor.fault import rotation_matrix
from nets.front import vectors_of
from sim.generate import windows
from sim.worlds.wearable import WEARABLE_PHONE
from slipway.v1 import jobs_pb2 as pb
from tests.service.workshop import Workshop

SOURCE, POOL = 600, 300  # windows
SENSOR = {"scope": "sensor", "objectives": [pb.WeightedObjective(objective="sensor_match")]}


@cache
def carried() -> tuple[np.ndarray, np.ndarray]:
    """Windows of a phone as the source carried it, those of the device after those of the source."""
    values, labels = windows(WEARABLE_PHONE, jax.random.key(0), SOURCE + POOL)
    return np.asarray(values), np.asarray(labels)


def turned(values: np.ndarray, angle_deg: float, axis: int) -> np.ndarray:
    """The same windows, as a phone reads them that is turned about one of its axes."""
    turn = np.asarray(rotation_matrix(jnp.deg2rad(angle_deg) * jnp.eye(3)[axis]), np.float32)
    found = values.copy()
    for vector in vectors_of(WEARABLE_PHONE.task.sensor):
        found[..., vector] = values[..., vector] @ turn.T
    return found


@pytest.fixture(scope="module")
def base(shop: Workshop) -> str:
    values, labels = carried()
    source = shop.put("phones", WEARABLE_PHONE.task, values[:SOURCE], labels[:SOURCE])
    made = shop.run(pretrain=pb.PretrainSpec(model_id="phone", dataset=source, epoch_count=2))
    assert made.state == pb.Job.SUCCEEDED, made.error
    return str(made.result.version)


@pytest.mark.parametrize(("angle_deg", "axis"), [(90, "z"), (-90, "x"), (0, "z")])
def test_a_turned_phone_is_told_in_words_and_by_the_right_number(
    shop: Workshop, base: str, angle_deg: int, axis: str
) -> None:
    pool = turned(carried()[0][SOURCE:], angle_deg, "xyz".index(axis))
    target = shop.put(f"phone{angle_deg}{axis}".replace("-", "m"), WEARABLE_PHONE.task, pool)
    spec = pb.AdaptSpec(base=base, target=target, gate_policy=pb.AdaptSpec.REPORT_ONLY, **SENSOR)
    receipt = shop.receipt(shop.run(adapt=spec))
    assert receipt.shipped == "sensor × sensor_match"
    found = [re.fullmatch(r"mounted rotated by (-?\d+)° about (\w)", words) for words in receipt.diagnosis]
    told = [(int(match[1]), match[2]) for match in found if match]
    if not angle_deg:
        assert not told, receipt.diagnosis
        return
    (angle, about) = told[0]
    assert about == axis and abs(angle - angle_deg) <= 10, receipt.diagnosis
