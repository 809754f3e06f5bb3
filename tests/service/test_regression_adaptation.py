"""Adapting a regression over real gRPC: the pendulum's torques, on an arm whose torque sensors read too much."""

from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

from sim.generate import windows
from sim.priors import Prior
from sim.worlds import pendulum_arm
from sim.worlds.pendulum import WORLD
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.v1 import jobs_pb2 as pb
from tests.service.workshop import Workshop

CENTRE = WORLD.prior.centre()
ARM = WORLD.prior.replace(**{each.name: float(CENTRE[each.name]) for each in pendulum_arm.PARAMETERS})  # one arm, known
HOME, AWAY = (ARM.replace(torque_gain_1=one, torque_gain_2=two) for one, two in ((1.0, 1.0), (2.0, 0.5)))
OPTIONS = pb.AdaptOptions(step_count=150, learning_rate=0.005)
HEAD = {"scope": "head", "objectives": [pb.WeightedObjective(objective="squared_error")]}
POOL = 300  # windows of a device
FORMS = ("LEARNED", "FLOAT_ONNX", "INT8_ONNX")


@cache
def arm(seed: int, count: int = POOL, prior: Prior = AWAY) -> tuple[np.ndarray, np.ndarray]:
    """Windows of the arm, and the torques that it reads."""
    values, torques = windows(WORLD, jax.random.key(seed), count, prior)
    return np.asarray(values), np.asarray(torques)


@pytest.fixture(scope="module")
def base(shop: Workshop) -> str:
    source = shop.put("arm-at-home", WORLD.task, *arm(3, 4000, HOME))
    made = shop.run(
        pretrain=pb.PretrainSpec(model_id="arm", dataset=source, architecture="mlp", epoch_count=30, seed=3)
    )
    assert made.state == pb.Job.SUCCEEDED, made.error
    return str(made.result.version)


@pytest.fixture(scope="module")
def test_set(shop: Workshop) -> str:
    return shop.put("arm-test", WORLD.task, *arm(9))


def adapt(shop: Workshop, base: str, target: str = "", **fields: Any) -> Any:
    return shop.run(adapt=pb.AdaptSpec(base=base, target=target, **fields))


def determinations(shop: Workshop, version: str, test_set: str, form: str = "LEARNED") -> list[float]:
    job = shop.run(evaluate=pb.EvaluateSpec(version=version, dataset=test_set, form=form))
    return [row.determination for row in job.result.evaluation.outputs]


def test_an_arm_that_gave_no_torques_keeps_the_base_and_is_told_why(shop: Workshop, base: str) -> None:
    job = adapt(shop, base, shop.put("mute", WORLD.task, arm(1)[0]))
    assert not job.result.version and not job.result.decision.promoted
    receipt = shop.receipt(job)
    assert "answers of the device alone" in receipt.decision["reason"]
    assert receipt.shipped == "base" and {each.objective for each in receipt.candidates} == {"", "moments"}
    assert shop.fetch(f"{job.name}/artifacts/report").startswith(b"<!doctype html>")


def test_torques_of_the_arm_are_learned_and_the_version_is_better(shop: Workshop, base: str, test_set: str) -> None:
    values, torques = arm(2)
    job = adapt(shop, base, shop.put("told", WORLD.task, values, torques[:200]), options=OPTIONS)
    assert job.result.decision.promoted, job.result.decision.reason
    before, after = (determinations(shop, version, test_set) for version in (base, job.result.version))
    assert np.mean(after) > np.mean(before) + 0.1
    receipt = shop.receipt(job)
    rows = {each.name: each.evidence for each in receipt.candidates}
    assert rows[receipt.shipped]["labelled_accuracy"] > rows["base"]["labelled_accuracy"]
    assert receipt.target.labelled_count == 200
    evidence = {row.candidate: row for row in job.result.decision.evidence}
    assert evidence[receipt.shipped].scores["labels"] == pytest.approx(rows[receipt.shipped]["labelled_accuracy"])
    assert evidence[receipt.shipped].mean_rank == 1.0


def test_few_torques_are_all_learned_and_judge_models_that_had_not_seen_them(shop: Workshop, base: str) -> None:
    values, torques = arm(2)
    receipt = shop.receipt(
        adapt(shop, base, shop.put("few", WORLD.task, values, torques[:40]), options=OPTIONS, **HEAD)
    )
    (head,) = (each for each in receipt.candidates if each.objective == "squared_error")
    assert head.windows["labelled"] == 40
    assert head.evidence["labelled_accuracy"] is not None


def test_torques_that_the_base_knows_already_promote_nothing(shop: Workshop, base: str) -> None:
    values, torques = arm(7, POOL, HOME)
    job = adapt(shop, base, shop.put("at-home", WORLD.task, values, torques[:100]),
                scope="norm_statistics", objectives=[pb.WeightedObjective(objective="moments")])  # fmt: skip
    assert not job.result.decision.promoted
    assert "no candidate's error is clearly smaller" in job.result.decision.reason


def test_what_is_asked_for_is_run_whatever_the_gate_says(shop: Workshop, base: str) -> None:
    target = shop.put("asked", WORLD.task, arm(3)[0], arm(3)[1][:100])
    job = adapt(shop, base, target, options=OPTIONS, gate_policy=pb.AdaptSpec.REPORT_ONLY, **HEAD)
    receipt = shop.receipt(job)
    assert receipt.shipped == "head × squared_error"


def test_an_objective_for_classes_is_refused(shop: Workshop, base: str) -> None:
    plan = {"scope": "head", "objectives": [pb.WeightedObjective(objective="cross_entropy")]}
    job = adapt(shop, base, shop.put("classes", WORLD.task, *arm(4)), **plan)
    assert job.state == pb.Job.FAILED and "serves tasks that ask for classes" in job.error.message


def test_a_fleet_of_arms_each_get_what_their_torques_allow(shop: Workshop, base: str, test_set: str) -> None:
    told = [shop.put(f"fleet-{seed}", WORLD.task, arm(seed)[0], arm(seed)[1][:200]) for seed in (11, 15)]
    mute = shop.put("fleet-mute", WORLD.task, arm(13)[0])
    job = adapt(shop, base, targets=[*told, mute], options=OPTIONS, **HEAD)
    assert [row.target for row in job.result.devices] == [*told, mute]
    assert [row.decision.promoted for row in job.result.devices] == [True, True, False]
    assert "label" in job.result.devices[2].error.message
    before = determinations(shop, base, test_set)
    for row in job.result.devices[:2]:
        assert np.mean(determinations(shop, row.version, test_set)) > np.mean(before) + 0.1


def test_a_regression_is_exported_and_loses_little_as_int8(shop: Workshop, base: str) -> None:
    job = shop.run(export=pb.ExportSpec(version=base, calibration="datasets/arm-at-home"))
    assert job.state == pb.Job.SUCCEEDED, job.error
    home = shop.put("arm-at-home-later", WORLD.task, *arm(14, 1000, HOME))
    learned, as_float, int8 = (determinations(shop, base, home, form) for form in FORMS)
    np.testing.assert_allclose(as_float, learned, atol=1e-3)
    np.testing.assert_allclose(int8, learned, atol=0.05)
    bundle = archive.read(shop.fetch(f"{base}/artifacts/bundle"))
    assert bundle.manifest.task.outputs == WORLD.task.outputs and Runtime(bundle).self_test() == 0


def test_an_export_that_is_another_regression_is_refused(shop: Workshop, base: str) -> None:
    few = shop.put("few-from-away", WORLD.task, arm(9)[0])
    job = shop.run(export=pb.ExportSpec(version=base, calibration=few))
    assert job.state == pb.Job.FAILED and "moves an output too far" in job.error.message
