"""Priors, curricula and identifications: what a job says about a simulator's parameters."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from service import names
from service.convert.common import SEED_LIMIT, text, unknown_number, whole
from service.domain import Identification, IdentifySpec
from slipway.errors import Reason, Refused
from slipway.v1 import jobs_pb2

M = TypeVar("M", bound=Message)

PRIOR_LIMIT_BYTES = 256 << 10  # a fitted prior of a hundred parameters, with their correlations, is within it
NAME_LIMIT = 256
SIMULATION_LIMIT = 10_000_000
SMALLEST_STEP = 1e-6
CURRICULUM_BOUNDS = {
    "round_count": (1, 1000),
    "start_share": (0.0, 1.0),
    "step": (SMALLEST_STEP, 1.0),
    "cope_above": (-math.inf, 1.0),
}

_METHODS = {
    jobs_pb2.IdentifySpec.METHOD_UNSPECIFIED: "",
    jobs_pb2.IdentifySpec.PAIRED: "paired",
    jobs_pb2.IdentifySpec.UNPAIRED: "unpaired",
}
_METHOD_NUMBERS = {word: number for number, word in _METHODS.items()}


def spec_from(spec: jobs_pb2.IdentifySpec) -> IdentifySpec:
    """What to identify from what.

    Raises:
        Refused: with the field that is missing or wrong.
    """
    if spec.method not in _METHODS:
        raise unknown_number("job.identify.method", spec.method, jobs_pb2.IdentifySpec.Method.keys())
    if len(spec.names) > NAME_LIMIT:
        raise Refused(Reason.LIMIT_EXCEEDED, field="job.identify.names", found=len(spec.names), limit=NAME_LIMIT)
    return IdentifySpec(
        world=text(spec.world, "job.identify.world", required=True),
        dataset="datasets/" + names.dataset_id(spec.dataset, "job.identify.dataset"),
        prior=prior_from(spec.prior, "job.identify.prior"),
        names=tuple(text(name, "job.identify.names", required=True) for name in spec.names),
        method=_METHODS[spec.method],
        simulation_count=whole(spec.simulation_count, "job.identify.simulation_count", SIMULATION_LIMIT),
        seed=whole(spec.seed, "job.identify.seed", SEED_LIMIT),
    )


def spec_to(spec: IdentifySpec) -> jobs_pb2.IdentifySpec:
    """Write it back."""
    return jobs_pb2.IdentifySpec(
        world=spec.world,
        dataset=spec.dataset,
        prior=struct(spec.prior),
        names=spec.names,
        method=_METHOD_NUMBERS[spec.method],
        simulation_count=spec.simulation_count,
        seed=spec.seed,
    )


def source_from(source: jobs_pb2.WorldSource) -> dict[str, Any]:
    """The fields ``prior``, ``identification`` and ``curriculum`` of ``PretrainSpec``.

    Raises:
        Refused: with the field that is wrong.
    """
    where = "job.pretrain.world"
    name = source.identification and "jobs/" + names.job_id(source.identification, f"{where}.identification")
    curriculum = curriculum_from(source.curriculum, f"{where}.curriculum") if source.HasField("curriculum") else None
    return {"prior": prior_from(source.prior, f"{where}.prior"), "identification": name, "curriculum": curriculum}


def prior_from(prior: Struct, field: str) -> dict[str, Any]:
    """A prior's JSON, not yet compared with a world.

    Raises:
        Refused: LIMIT_EXCEEDED or FIELD_INVALID.
    """
    if prior.ByteSize() > PRIOR_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=f"{prior.ByteSize()} bytes", limit=PRIOR_LIMIT_BYTES)
    try:
        return dict(json_format.MessageToDict(prior))
    except (ValueError, json_format.Error) as error:
        words = {"problem": "needs a JSON object of finite numbers", "found": error, "remedy": "Send the prior's JSON."}
        raise Refused(Reason.FIELD_INVALID, field=field, **words) from None


def curriculum_from(curriculum: jobs_pb2.Curriculum, field: str) -> dict[str, float]:
    """The numbers of a curriculum that were given, each within its bounds.

    Raises:
        Refused: FIELD_INVALID.
    """
    given = {each.name: value for each, value in curriculum.ListFields()}
    for name, number in given.items():
        low, high = CURRICULUM_BOUNDS[name]
        if not (low <= number <= high and number > -math.inf):
            words = {"problem": f"needs {low:g} to {high:g}", "found": number, "remedy": "Send a number in this range."}
            raise Refused(Reason.FIELD_INVALID, field=f"{field}.{name}", **words)
    return given


def curriculum_to(given: Mapping[str, float]) -> jobs_pb2.Curriculum:
    """Write a curriculum."""
    message = jobs_pb2.Curriculum()
    for name, number in given.items():
        setattr(message, name, number)
    return message


def result_to(found: Identification) -> jobs_pb2.Identification:
    """Write what a recording said about a simulator."""
    return jobs_pb2.Identification(
        method=found.method,
        prior=struct(found.prior),
        marginals=[_known(jobs_pb2.Marginal, row) for row in found.marginals],
        reach=_known(jobs_pb2.Reach, found.reach),
        determination=found.determination,
        simulation_count=found.simulations,
        seconds=found.seconds,
    )


def _known(kind: type[M], plain: Mapping[str, Any]) -> M:
    """A message of the fields that the API has; what a newer worker adds stays in the job's file ``fit``."""
    return kind(**{name: value for name, value in plain.items() if name in kind.DESCRIPTOR.fields_by_name})


def struct(plain: Mapping[str, Any]) -> Struct | None:
    """JSON values as a message; None for an empty object."""
    if not plain:
        return None
    message = Struct()
    message.update(dict(plain))
    return message
