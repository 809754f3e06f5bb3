"""The client's values and the API's messages name the same things."""

from dataclasses import fields

import pytest
from google.protobuf.message import Message

from slipway.client import values
from slipway.client.convert import BUILDERS, RECORDS, sensor_message, to_value
from slipway.v1 import datasets_pb2, jobs_pb2, models_pb2, spec_pb2
from tests.slipway.edge.bundles import SENSOR

MESSAGES: dict[str, type[Message]] = {
    getattr(module, name).DESCRIPTOR.full_name: getattr(module, name)
    for module in (datasets_pb2, jobs_pb2, models_pb2, spec_pb2)
    for name in module.DESCRIPTOR.message_types_by_name
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_has_every_field_of_its_message(kind: str) -> None:
    assert {field.name for field in fields(RECORDS[kind])} == set(MESSAGES[kind].DESCRIPTOR.fields_by_name)


def test_a_job_has_every_field_of_its_message_but_the_four_kinds() -> None:
    descriptor = jobs_pb2.Job.DESCRIPTOR
    kinds = {field.name for field in descriptor.oneofs_by_name["spec"].fields}
    names = {field.name for field in fields(values.Job)}
    assert names == set(descriptor.fields_by_name) - kinds | {"kind", "spec"}


def test_every_value_of_the_module_comes_from_a_message() -> None:
    records = {name for name, value in vars(values).items() if hasattr(value, "__dataclass_fields__")}
    own = {kind.rpartition(".")[2] for kind in (*RECORDS, *BUILDERS)} | {"Failure"}
    assert {name for name in records if name not in ("SensorSpec", "TaskSpec")} <= own


def test_a_sensor_survives_the_wire() -> None:
    assert to_value(sensor_message(SENSOR)) == SENSOR


def test_the_confusion_of_an_evaluation_has_a_row_for_each_class() -> None:
    message = jobs_pb2.Evaluation(confusion=[1, 2, 3, 4], classes=["a", "b"], accuracy=0.5, window_count=10)
    assert to_value(message).confusion == ((1, 2), (3, 4))


def test_the_states_that_end_a_job_are_the_last_ones() -> None:
    assert set(jobs_pb2.Job.State.keys()) == {"STATE_UNSPECIFIED", "PENDING", "RUNNING", *values.ENDED}
