"""Jobs that simulate, on worlds of the operator's own: regressions, curricula, identifications; small but real fits."""

import json
from dataclasses import fields, replace
from pathlib import Path

import jax
import numpy as np
import pytest

from service.domain import EvaluateSpec, IdentifySpec, PretrainSpec
from service.worker.context import Cancelled, StoredWindows
from service.worker.pipelines.worlds import describe, own_worlds
from sim.generate import windows
from sim.priors import Prior
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values, unanswered
from tests.service.regressions import SENSOR, SPRING, TASK
from tests.service.test_pipelines import Shelf
from tests.sim.toy import TOY

TRUE = {"stiffness_n_m": 7.0, "damping_n_s_m": 1.5}
SMALL = PretrainSpec("spring", world="spring", window_count=4096, architecture="mlp", epoch_count=6, seed=1)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path, worlds={"spring": SPRING, "toy": TOY})


def recorded(shelf: Shelf, name: str = "device", count: int = 1024, seed: int = 5) -> str:
    """What a spring of the true parameters measured."""
    values, targets = windows(SPRING, jax.random.key(seed), count, SPRING.prior.replace(**TRUE))
    return put(shelf, name, values, targets)


def put(shelf: Shelf, name: str, values: Values, targets: Answers | None) -> str:
    full, answers = f"datasets/{name}", unanswered(len(values), 1) if targets is None else targets
    shelf.datasets[full] = StoredWindows(full, SENSOR, (), values, answers, "00" * 32, None, TASK.outputs)
    return full


# Regressions.


def test_a_regression_is_learned_from_a_world_and_measured_on_a_device(shelf: Shelf) -> None:
    base = shelf.keep(shelf.run(replace(SMALL, epoch_count=20, prior=SPRING.prior.replace(**TRUE).to_json())))
    assert shelf.model(base).task == TASK
    found = shelf.run(EvaluateSpec(base, recorded(shelf))).evaluation
    assert found is not None and found.window_count == 1024 and not found.classes
    (force,) = found.outputs
    assert (force.name, force.unit) == ("force", "N") and force.determination > 0.95
    targets = np.asarray(shelf.datasets["datasets/device"].labels)
    assert force.root_mean_square_error == pytest.approx(targets.std() * np.sqrt(1 - force.determination), rel=1e-4)


def test_windows_with_targets_are_a_source_and_those_without_are_left_out(shelf: Shelf) -> None:
    name = recorded(shelf)
    answers = np.asarray(shelf.datasets[name].labels).copy()
    answers[1::2] = np.nan
    shelf.datasets[name] = replace(shelf.datasets[name], labels=answers)
    spec = PretrainSpec("own", dataset=name, architecture="mlp", epoch_count=2)
    base = shelf.keep(shelf.run(spec))
    assert shelf.model(base).task == replace(TASK, name="own")
    found = shelf.run(EvaluateSpec(base, name)).evaluation
    assert found is not None and found.window_count == 512


def test_a_dataset_without_targets_teaches_nothing(shelf: Shelf) -> None:
    name = put(shelf, "silent", windows(SPRING, jax.random.key(0), 64)[0], None)
    with pytest.raises(Refused) as refused:
        shelf.run(PretrainSpec("own", dataset=name))
    assert (refused.value.reason, refused.value.field) == (Reason.LABELS_MISSING, "pretrain.dataset")


# Curricula.


def test_a_curriculum_is_learned_in_rounds_and_repeats(shelf: Shelf) -> None:
    spec = replace(SMALL, curriculum={"round_count": 3, "start_share": 0.4, "step": 0.3, "cope_above": -1.0})
    first, again = (shelf.run(spec, name).version for name in ("one", "two"))
    assert first is not None and again is not None
    assert first.files == again.files
    assert [point.epoch for point in first.history] == list(range(7)), "three rounds of two epochs"
    assert first.lineage.data[0].window_count == 3 * (4096 // 3)
    opened = Prior.from_json(json.loads(first.lineage.prior_json), SPRING.prior.parameters)
    low, high = opened["stiffness_n_m"].support()
    assert (low, high) == pytest.approx((2.0, 18.0), abs=0.1), "it coped, so all of the prior was opened"


def test_a_learner_that_cannot_cope_stays_where_it_began(shelf: Shelf) -> None:
    spec = replace(SMALL, curriculum={"round_count": 2, "start_share": 0.4, "cope_above": 1.0})
    version = shelf.run(spec).version
    assert version is not None
    opened = Prior.from_json(json.loads(version.lineage.prior_json), SPRING.prior.parameters)
    assert opened["stiffness_n_m"].support() == pytest.approx((2 + 0.3 * 16, 2 + 0.7 * 16), abs=0.1)


# Identification.


def test_the_physics_is_identified_from_paired_signals(shelf: Shelf) -> None:
    outcome = shelf.run(IdentifySpec("spring", recorded(shelf)))
    found = outcome.identification
    assert found is not None and found.method == "paired"
    for marginal in found.marginals:
        assert marginal["low"] <= TRUE[marginal["name"]] <= marginal["high"]
        assert marginal["determined"]
    assert found.determination["force"] > 0.99
    assert outcome.artifacts["report"].startswith(b"<!doctype html>")
    fit = json.loads(outcome.artifacts["fit"])
    assert {each.name: fit[each.name] for each in fields(found)} == json.loads(json.dumps(vars(found)))


def test_a_base_is_learned_from_the_fitted_prior(shelf: Shelf) -> None:
    found = shelf.run(IdentifySpec("spring", recorded(shelf))).identification
    assert found is not None
    fitted = shelf.keep(shelf.run(replace(SMALL, prior=found.prior), "fitted"))
    wide = shelf.keep(shelf.run(SMALL, "wide"))
    test = recorded(shelf, "test", seed=6)
    fitted_r2, wide_r2 = (
        shelf.run(EvaluateSpec(base, test)).evaluation.outputs[0].determination  # type: ignore[union-attr]
        for base in (fitted, wide)
    )
    assert fitted_r2 > wide_r2


def test_a_job_that_is_cancelled_stops_simulating(shelf: Shelf) -> None:
    spec = IdentifySpec("spring", recorded(shelf), method="unpaired", simulation_count=2000)
    with pytest.raises(Cancelled):
        shelf.run(spec, should_stop=lambda: any(told.stage == "fitting" and told.fraction > 0 for told in shelf.told))
    assert 0 < shelf.told[-1].fraction < 0.5


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"world": "moon"}, Reason.FIELD_INVALID, "identify.world"),
        ({"world": "toy"}, Reason.WINDOW_SHAPE_MISMATCH, "identify.dataset"),
        ({"dataset": "datasets/short"}, Reason.FIELD_INVALID, "identify.values"),
        ({"dataset": "datasets/silent", "method": "paired"}, Reason.LABELS_MISSING, "identify.dataset"),
        ({"dataset": "datasets/short", "method": "paired"}, Reason.FIELD_INVALID, "identify.values"),
        ({"method": "unpaired", "names": ("colour",)}, Reason.FIELD_INVALID, "identify.names.colour"),
        ({"method": "unpaired", "simulation_count": 3}, Reason.FIELD_INVALID, "identify.simulations"),
        ({"prior": {"colour": {"kind": "Constant", "value": 1.0}}}, Reason.FIELD_INVALID, "prior.colour"),
        (
            {"prior": {"stiffness_n_m": {"kind": "Constant", "value": 99.0}}},
            Reason.FIELD_INVALID,
            "prior.stiffness_n_m",
        ),
    ],
)
def test_what_cannot_be_identified_is_refused(
    shelf: Shelf, change: dict[str, object], reason: Reason, field: str
) -> None:
    name = recorded(shelf)
    values = np.asarray(shelf.datasets[name].values)
    put(shelf, "silent", values, None)
    put(
        shelf,
        "short",
        values[:3],
        None if change.get("method") != "paired" else np.asarray(shelf.datasets[name].labels)[:3],
    )
    with pytest.raises(Refused) as refused:
        shelf.run(replace(IdentifySpec("spring", name), **change))
    assert (refused.value.reason, refused.value.field) == (reason, field)


# The operator's own worlds.


def test_own_worlds_are_loaded_by_their_paths_and_a_wrong_one_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    found = own_worlds("tests.service.regressions:SPRING, tests.sim.toy:TOY, tests.sim.toy:GONE, no.such:WORLD,")
    assert found == {"spring": SPRING, "toy": TOY}
    assert "tests.sim.toy:GONE" in caplog.text and "no.such:WORLD" in caplog.text
    assert own_worlds("") == {}


def test_a_description_holds_what_the_server_compares_with() -> None:
    world = describe(SPRING)
    assert world.bounds == {"stiffness_n_m": (1.0, 20.0), "damping_n_s_m": (0.0, 5.0)}
    assert (world.units["damping_n_s_m"], world.explains, world.task) == ("N.s/m", True, TASK)
    assert world.kinds["Uniform"] == ("low", "high") and set(SPRING.prior.to_json()["stiffness_n_m"]) == {
        "kind",
        *world.kinds["Uniform"],
    }
