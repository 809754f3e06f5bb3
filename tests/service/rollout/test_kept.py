"""A rollout in the catalogue is the rollout in memory: read back after every report, and told many at once."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert

from service.catalogue import channels, intake, migrate, models, rollout_moves, rollouts
from service.catalogue.engine import Catalogue, database_url
from service.catalogue.intake import Item, Seen, Told
from service.catalogue.reports import Report
from service.catalogue.requests import RequestKey
from service.catalogue.tables import models as model_table
from service.catalogue.tables import reports as report_table
from service.catalogue.tables import versions
from service.domain import Lineage
from service.rollout import crashes, judge
from service.rollout.health import Health
from service.rollout.plan import newcomers
from slipway.errors import Refused
from tests.service.pipelines import TASK

NOBODY = RequestKey("", "")
NOW = 10**15
DEVICES = tuple(f"device-{number}" for number in range(6))
LIMITS: dict[str, Any] = {"stages": (0.3, 0.6, 1.0), "report_count": 2, "device_count": 2, "error": 0.3, "loss": 0.2}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue with a model of two versions that the six devices follow."""
    folder: Path = tmp_path_factory.mktemp("kept")
    catalogue = Catalogue(database_url("", folder))
    migrate.bring_up_to_date(catalogue)
    catalogue.write(_enter)
    catalogue.write(intake.take, [Seen(device, "m", "stable", NOW) for device in DEVICES])
    yield catalogue
    catalogue.close()


def _enter(connection: Connection) -> None:
    connection.execute(insert(model_table).values(id="m", task=TASK.to_json(), latest=2, create_us=0))
    row = {"model_id": "m", "job_id": "j", "lineage": asdict(Lineage("mlp")), "parameter_count": 1, "history": []}
    for number in (1, 2):
        connection.execute(insert(versions).values(**row, number=number, create_us=0))
        models.add_artifacts(connection, "m", number, {"bundle": (f"{number:064}", 1)})
    channels.point(connection, "m", "stable", 1, "", True, 0)


def _fresh(connection: Connection) -> rollouts.Staged:
    """The next rollout, from version 1 to version 2, whatever the one before did to the channel."""
    channels.point(connection, "m", "stable", 1, "", True, NOW)
    return rollout_moves.create(connection, "m", "stable", 2, LIMITS, NOBODY, NOW)


REPORTS = st.lists(
    st.tuples(st.sampled_from(DEVICES), st.floats(0, 1), st.integers(0, 3), st.booleans()), min_size=1, max_size=40
)
SEQUENCE = iter(range(1, 10**9))


@settings(max_examples=25, deadline=None)
@given(REPORTS, st.integers(1, 40))
def test_told_one_by_one_or_together_it_stands_as_it_does_in_memory(
    kept: Catalogue, reports: list[tuple[str, float, int, bool]], size: int
) -> None:
    staged = kept.write(_fresh)
    known = newcomers(staged.judged.plan, DEVICES)
    expected, crashed = judge.settled(judge.begin(staged.judged.plan), known), set()
    items: list[Item] = []
    for device, confidence, failures, crash in reports:
        if crash:
            items.append(Report(device, "m", 2, "REFUSED", "SELF_TEST_FAILED", "", NOW + len(items)))
            health = None if device in crashed else crashes.crash(device)
            crashed.add(device)
        else:
            health = Health(device, 10, confidence, 0.5, failures=failures)
            key = ("m", staged.number)
            items.append(Told(device, "m", 1, next(SEQUENCE), 10, None, key, health, NOW + len(items)))
        if health is not None:
            expected = judge.settled(judge.told(expected, health), known)
    kept.write(rollout_moves.settle, staged, NOW)
    for start in range(0, len(items), size):
        assert not any(kept.write(intake.take, items[start : start + size]))
    found = kept.read(rollouts.get, "m", staged.number)
    assert found.judged == expected
    assert kept.read(channels.get, "m", "stable").number == (2 if found.state == "COMPLETED" else 1)
    for each in kept.read(rollouts.all_open):
        kept.write(rollout_moves.abort, each.model_id, each.number, "done", NOW)
    kept.write(_forget_reports)


def _forget_reports(connection: Connection) -> None:
    connection.execute(delete(report_table))


def test_one_refused_report_takes_no_other_with_it(kept: Catalogue) -> None:
    first = next(SEQUENCE)
    good = Told("device-0", "m", 1, first, 10, None, None, None, NOW)
    unknown = Told("device-1", "m", 99, first, 10, None, None, None, NOW)
    astray = Told("device-2", "m", 1, first, 10, None, ("m", 10**6), Health("device-2", 1, 0.5, 0.5), NOW)
    results = kept.write(intake.take, [good, unknown, astray])
    assert results[0] is None and [type(each) for each in results[1:]] == [Refused, Refused]
    assert [each.reason for each in results[1:] if each] == ["VERSION_NOT_FOUND", "ROLLOUT_NOT_FOUND"]
