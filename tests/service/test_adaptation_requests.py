"""What an adapt job may ask for, over real gRPC: it comes back as it was asked for, and contradictions are refused."""

from typing import Any

import pytest

from slipway.v1 import jobs_pb2 as pb
from tests.service.process import ServerProcess, create_dataset, refusal, upload, windows
from tests.service.work import create_job, pretrain, run_job

CORAL = [pb.WeightedObjective(objective="coral", weight=0.5)]
PLAN = pb.AdaptPlan(scope="head", objectives=CORAL)


@pytest.fixture(scope="module")
def base(server: ServerProcess) -> str:
    """A version, and the dataset "pool"."""
    upload(server, create_dataset(server, "pool"), windows(4), [0, 1, 0, -1])
    upload(server, create_dataset(server, "other"), windows(4))
    return str(run_job(server, **pretrain("base")).result.version)


def options(**given: Any) -> pb.AdaptOptions:
    return pb.AdaptOptions(**given)


@pytest.mark.parametrize(
    "fields",
    [
        {"target": "datasets/pool", "byte_budget": 2048, "objectives": CORAL},
        {"target": "datasets/pool", "byte_budget": 2048, "candidates": [pb.AdaptPlan(objectives=CORAL)]},
        {"target": "datasets/pool", "candidates": [PLAN] * 64, "seed_count": 10},
        {"target": "datasets/pool", "options": options(learning_rate=0.01, step_count=50, marginal=[0.25, 0.75])},
        {"target": "datasets/pool", "conformal_coverage": 0.9, "source_free": True, "measure_gains": True},
        {"targets": ["datasets/pool", "datasets/other"]},
    ],
)
def test_a_job_comes_back_as_it_was_asked_for(server: ServerProcess, base: str, fields: dict[str, Any]) -> None:
    spec = pb.AdaptSpec(base=base, gate_policy=pb.AdaptSpec.ENFORCE, **fields)
    assert create_job(server, adapt=spec).adapt == spec


ONE = {"target": "datasets/pool"}


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({**ONE, "byte_budget": 9, "scope": "head"}, "FIELD_INVALID", "byte_budget"),
        ({**ONE, "byte_budget": 9, "candidates": [PLAN]}, "FIELD_INVALID", "byte_budget"),
        ({**ONE, "byte_budget": -1}, "FIELD_INVALID", "byte_budget"),
        ({**ONE, "candidates": [PLAN], "scope": "head"}, "FIELD_INVALID", "candidates"),
        ({**ONE, "candidates": [PLAN], "objectives": CORAL}, "FIELD_INVALID", "candidates"),
        ({**ONE, "candidates": [PLAN] * 65}, "LIMIT_EXCEEDED", "candidates"),
        ({**ONE, "candidates": [PLAN, pb.AdaptPlan(scope="head")]}, "FIELD_REQUIRED", "candidates[1].objectives"),
        ({**ONE, "candidates": [pb.AdaptPlan(objectives=CORAL)]}, "FIELD_REQUIRED", "candidates[0].scope"),
        ({**ONE, "seed_count": 11}, "FIELD_INVALID", "seed_count"),
        ({**ONE, "seed_count": -1}, "FIELD_INVALID", "seed_count"),
        ({**ONE, "options": options(learning_rate=0.0)}, "FIELD_INVALID", "options.learning_rate"),
        ({**ONE, "options": options(learning_rate=float("nan"))}, "FIELD_INVALID", "options.learning_rate"),
        ({**ONE, "options": options(step_count=100_001)}, "FIELD_INVALID", "options.step_count"),
        ({**ONE, "options": options(batch_size=0)}, "FIELD_INVALID", "options.batch_size"),
        ({**ONE, "options": options(pull_to_base=-1.0)}, "FIELD_INVALID", "options.pull_to_base"),
        ({**ONE, "options": options(marginal=[1.0, -0.1])}, "FIELD_INVALID", "options.marginal"),
        ({**ONE, "options": options(marginal=[0.0, 0.0])}, "FIELD_INVALID", "options.marginal"),
        ({**ONE, "conformal_coverage": 0.3}, "FIELD_INVALID", "conformal_coverage"),
        ({**ONE, "conformal_coverage": 1.0}, "FIELD_INVALID", "conformal_coverage"),
        ({**ONE, "source_free": True, "source": "datasets/other"}, "FIELD_INVALID", "source"),
        ({**ONE, "targets": ["datasets/other"]}, "FIELD_INVALID", "targets"),
        ({"targets": ["datasets/other", "datasets/other"]}, "FIELD_INVALID", "targets"),
        ({"targets": ["datasets/other", "nobody"]}, "FIELD_INVALID", "targets[1]"),
        ({"targets": ["datasets/other", "datasets/nobody"]}, "DATASET_NOT_FOUND", "targets[1]"),
        ({"targets": [f"datasets/d{number}" for number in range(1001)]}, "LIMIT_EXCEEDED", "targets"),
        ({}, "FIELD_REQUIRED", "target"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused_with_its_field(
    server: ServerProcess, base: str, fields: dict[str, Any], reason: str, field: str
) -> None:
    _, info, _ = refusal(lambda: create_job(server, adapt=pb.AdaptSpec(base=base, **fields)))
    assert (info.reason, info.metadata["field"]) == (reason, f"job.adapt.{field}")
    assert info.metadata["remedy"]
