"""The closed loop on a real catalogue with a real worker: from drift to a moved channel, killed between any two."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.blobs import Blobs
from service.catalogue import channels, intake, jobs, models, policies, policy_moves, rollout_moves, rollouts
from service.catalogue.engine import Catalogue, database_url
from service.catalogue.intake import Seen, Told
from service.catalogue.requests import RequestKey
from service.config import Config
from service.domain import AdaptSpec, Decision, JobSpec, JobState, Outcome, PretrainSpec
from service.loop.policy import HOUR_US, Phase, Policy, Settings
from service.loop.run import look
from service.rollout.health import Health
from service.worker.context import Context
from service.worker.loop import Workplace, run_next
from tests.service import pipelines
from tests.service.process import windows
from tests.service.test_worker_loop import dataset, store

NOW = 10**15
QUICK = {"stages": (1.0,), "report_count": 1, "device_count": 1, "error": 0.2, "loss": 0.2}
SETTINGS = Settings("field", adaptation=AdaptSpec(base="", scope="input_statistics"), limits=QUICK)
DEVICES = [f"d{number}" for number in range(3)]


@pytest.fixture
def place(catalogue: Catalogue, blobs: Blobs, tmp_path: Path) -> Workplace:
    """A model whose devices drift, and windows of them."""
    made = Workplace(catalogue, blobs, Config(data_folder=tmp_path), pipelines.PIPELINES, "worker")
    catalogue.write(jobs.create, "first", PretrainSpec("m", world="rover"), RequestKey("", ""), 0)
    assert run_next(made)
    catalogue.write(models.add_artifacts, "m", 1, {"bundle": (blobs.put(b"one"), 3)})
    catalogue.write(channels.point, "m", "stable", 1, "", True, 0)
    dataset(made, "field")
    store(made, "field", windows(6), np.zeros(6, np.int64))
    drift(catalogue, 1)
    catalogue.write(policy_moves.put, "m", SETTINGS, True, NOW)
    return made


def drift(catalogue: Catalogue, sequence: int, drift: float = 1.5) -> None:
    seen = [Seen(device, "m", "stable", NOW) for device in DEVICES]
    told = [Told(device, "m", 1, sequence, 10, drift, None, None, NOW) for device in DEVICES]
    assert catalogue.write(intake.take, [*seen, *told]) == [None] * 6


def phase(catalogue: Catalogue) -> Phase:
    return catalogue.read(policies.get, "m").policy.phase


def texts(catalogue: Catalogue) -> list[str]:
    return [event.text for event in catalogue.read(policies.get, "m").events]


def go_on(place: Workplace, now: int = NOW) -> bool:
    """One thing that happens: a step of the policy, a job, or reports on a rollout. Returns whether one did."""
    catalogue = place.catalogue
    if catalogue.write(policy_moves.advance, "m", now) is not None or run_next(place):
        return True
    found = catalogue.read(rollouts.all_open)
    health = Health("d0", 100, 0.95, 0.55)
    told = [Told("d0", "m", 1, sequence, 0, 2.0, ("m", 1), health, now) for sequence in range(100, 200)]
    catalogue.write(intake.take, told if found else [])
    return bool(found)


def ended(place: Workplace) -> tuple[list[str], int, int, int]:
    """(events, jobs, rollouts, version of the channel) once nothing happens any more."""
    while go_on(place):
        pass
    catalogue = place.catalogue
    made = len(catalogue.read(jobs.page, None, 99)), len(catalogue.read(rollouts.page, "m", None, 99))
    return texts(catalogue), *made, catalogue.read(channels.get, "m", "stable").number


def copied(place: Workplace, folder: Path) -> Workplace:
    """The catalogue as a server that is killed now would find it again."""
    folder.mkdir()
    here = sqlite3.connect(str(place.catalogue.engine.url.database))
    there = sqlite3.connect(folder / "catalogue.sqlite")
    here.backup(there)
    here.close()
    there.close()
    return replace(place, catalogue=Catalogue(database_url("", folder)))


def test_drift_ends_in_a_moved_channel_and_every_step_is_told(place: Workplace) -> None:
    found, job_count, rollout_count, number = ended(place)
    assert (job_count, rollout_count, number) == (3, 1, 2)
    assert phase(place.catalogue) is Phase.RESTING
    assert (found[0], found[3]) == ("switched on", "candidate points at models/m/versions/2")
    assert found[2].startswith("the gate promoted models/m/versions/2: jobs/j")
    assert found[1].startswith("3 devices on models/m/versions/1 drift: jobs/j")
    assert found[4] == "models/m/rollouts/1 brings models/m/versions/2 to stable"
    assert found[5] == "models/m/rollouts/1 completed: every stage was passed"
    assert place.catalogue.read(channels.get, "m", "candidate").number == 2


def test_a_server_killed_between_any_two_steps_does_none_of_them_twice(place: Workplace, tmp_path: Path) -> None:
    prefixes = [copied(place, tmp_path / "0")]
    while go_on(place):
        prefixes.append(copied(place, tmp_path / str(len(prefixes))))
    expected = ended(place)
    assert len(prefixes) >= 8
    for prefix in prefixes:
        assert ended(prefix) == expected
        prefix.catalogue.close()


def test_two_servers_at_once_take_each_step_once(place: Workplace) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: place.catalogue.write(policy_moves.advance, "m", NOW), range(16)))
    assert sum(each is not None for each in taken) == 1
    assert len(place.catalogue.read(jobs.page, None, 99)) == 2


def test_what_cannot_be_done_is_told_and_tried_again_after_growing_pauses(place: Workplace) -> None:
    wrong = replace(SETTINGS, adaptation=AdaptSpec(base="", source="datasets/gone"))
    place.catalogue.write(policy_moves.put, "m", wrong, True, NOW)
    for seconds in (0, 1, 59, 61, 100, 181, 182):
        look(place.catalogue, NOW + seconds * 10**6)
    problems = [text for text in texts(place.catalogue) if "failed" in text]
    assert len(problems) == 3 and "no dataset datasets/gone" in problems[0]
    assert phase(place.catalogue) is Phase.WATCHING
    place.catalogue.write(policy_moves.put, "m", SETTINGS, True, NOW)
    look(place.catalogue, NOW + 1000 * 10**6)
    assert phase(place.catalogue) is Phase.ADAPTING


def kept(spec: JobSpec, context: Context) -> Outcome:
    return Outcome(decision=Decision("base", False, "it shows no symptom"))


def broken(spec: JobSpec, context: Context) -> Outcome:
    raise RuntimeError("out of luck")


@pytest.mark.parametrize(("adapt", "words"), [(kept, "it shows no symptom"), (broken, "failed")])
def test_a_round_that_comes_to_nothing_rests_and_waits_for_new_windows(
    place: Workplace, adapt: Callable[[JobSpec, Context], Outcome], words: str
) -> None:
    place = replace(place, pipelines={**place.pipelines, "adapt": adapt})
    found, job_count, rollout_count, number = ended(place)
    assert (job_count, rollout_count, number) == (2, 0, 1) and words in found[-1]
    later = NOW + 25 * HOUR_US
    place.catalogue.write(intake.take, [Told(device, "m", 1, 50, 0, 2.0, None, None, later) for device in DEVICES])
    look(place.catalogue, later)
    assert phase(place.catalogue) is Phase.WATCHING, "the same windows would be refused again"
    store(place, "field", windows(4, seed=1), np.zeros(4, np.int64))
    look(place.catalogue, later)
    assert phase(place.catalogue) is Phase.ADAPTING
    assert len(place.catalogue.read(jobs.page, None, 99)) == 3, "a round of its own"


def test_switched_off_it_stops_what_it_began(place: Workplace, tmp_path: Path) -> None:
    catalogue = place.catalogue

    def off(at: Workplace) -> Policy:
        return at.catalogue.write(policy_moves.put, "m", SETTINGS, False, NOW).policy

    look(catalogue, NOW)
    adapting = copied(place, tmp_path / "adapting")
    assert off(adapting).phase is Phase.DISABLED
    assert adapting.catalogue.read(jobs.get, off(adapting).progress.job_id).state is JobState.CANCELLED
    while phase(catalogue) is not Phase.ROLLING_OUT:
        assert go_on(place)
    off(place)
    found = catalogue.read(rollouts.get, "m", 1)
    assert (found.state, found.judged.reason) == ("ABORTED", "the policy was switched off")
    look(catalogue, NOW)
    assert texts(catalogue)[-1] == "switched off"
    adapting.catalogue.close()


def test_a_version_is_rolled_out_when_devices_find_it_signed_and_not_before(place: Workplace) -> None:
    published: set[str] = set()

    def look_again() -> None:
        look(place.catalogue, NOW, published.__contains__)

    look_again()
    while phase(place.catalogue) is not Phase.PROPOSED:
        assert run_next(place)
        look_again()
    look_again()
    assert phase(place.catalogue) is Phase.PROPOSED and not place.catalogue.read(rollouts.all_open)
    published.add("models/m/versions/2")
    look_again()
    assert phase(place.catalogue) is Phase.ROLLING_OUT


def test_a_stage_that_nobody_reports_to_is_passed_over_once_others_are_known(place: Workplace) -> None:
    catalogue = place.catalogue
    catalogue.write(policy_moves.put, "m", SETTINGS, False, NOW)
    catalogue.write(models.add_artifacts, "m", 1, {"int8_onnx": ("0" * 64, 1)})
    catalogue.write(jobs.create, "second", PretrainSpec("m", world="rover"), RequestKey("", ""), 0)
    assert run_next(place)
    catalogue.write(models.add_artifacts, "m", 2, {"bundle": (place.blobs.put(b"two"), 3)})
    catalogue.write(channels.point, "m", "empty", 1, "", True, NOW)
    limits = {**QUICK, "stages": (1e-9, 1.0)}
    catalogue.write(rollout_moves.create, "m", "empty", 2, limits, RequestKey("", ""), NOW)
    catalogue.write(intake.take, [Seen("d9", "m", "empty", NOW)])
    look(catalogue, NOW + HOUR_US // 2)
    assert catalogue.read(rollouts.get, "m", 1).judged.stage == 0, "others may yet come"
    look(catalogue, NOW + 2 * HOUR_US)
    assert catalogue.read(rollouts.get, "m", 1).judged.stage == 1
