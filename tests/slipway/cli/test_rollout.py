"""Rollouts, policies and devices on the command line: a real server, devices that report, words and JSON."""

from collections.abc import Iterator

import pytest

from service.catalogue import models
from service.worker.loop import Workplace, run_next
from slipway.client import connect
from slipway.v1 import updates_pb2 as pb
from slipway.v1 import updates_pb2_grpc
from tests.slipway.cli.command import Run
from tests.slipway.server import Server

QUICK = ("--stages", "1", "--reports", 1, "--devices", 1, "--error", 0.2, "--loss", 0.2)


@pytest.fixture(scope="module")
def fleet(server: Server) -> Iterator[Workplace]:
    """Three versions of a model, the first of them stable, and a dataset."""
    place = server.worker()
    with connect(server.address) as client:
        for number in (1, 2, 3):
            client.jobs.pretrain("ferry", world="rover", seed=number)
            assert run_next(place)
            data = f"ferry {number}".encode()
            bundle = {"bundle": (place.blobs.put(data), len(data))}
            place.catalogue.write(models.add_artifacts, "ferry", number, bundle)
        client.models.set_channel("ferry", "stable", "ferry/1")
        client.datasets.create("dock", client.models.get("ferry").task.sensor, ("a", "b"))
    yield place
    place.catalogue.close()


def report(server: Server, rollout: str, count: int, confidence: float) -> None:
    with connect(server.address) as client:
        stub = updates_pb2_grpc.UpdatesStub(client.channel)
        for sequence in range(1, count + 1):
            said = pb.Comparison(rollout=rollout, window_count=10, confidence=confidence, confidence_before=0.6)
            stub.ReportHealth(
                pb.ReportHealthRequest(
                    device_id="deck-1",
                    version="models/ferry/versions/1",
                    sequence=sequence,
                    window_count=10,
                    drift=1.25,
                    comparison=said,
                )
            )


def test_a_rollout_from_its_start_to_its_end(run: Run, server: Server, fleet: Workplace) -> None:
    begun = run("rollout", "start", "ferry/2", *QUICK, "--json").json
    assert (begun["name"], begun["state"], begun["plan"]["stages"]) == ("models/ferry/rollouts/1", "RUNNING", [1.0])
    assert "paused" in run("rollout", "pause", "ferry/1").out
    assert "resumed" in run("rollout", "resume", "ferry/1").out
    report(server, begun["name"], 3, 0.2)
    shown = run("rollout", "show", "ferry/1").out
    assert (
        "ferry/2 to stable" in shown
        and "-40.0 points" in shown
        and "3 (at least 1) from 1 devices (at least 1)" in shown
    )
    assert run("rollout", "abort", "ferry/1", "--reason", "a leak [sic]").code == 0
    ended = run("rollout", "list", "ferry")
    assert "aborted" in ended.out and "a leak [sic]" in ended.out
    assert run("rollout", "list", "ferry", "--json").json[0]["reason"] == "a leak [sic]"
    again = run("rollout", "pause", "ferry/1", "--json")
    assert (again.code, again.json["error"]["reason"]) == (1, "ROLLOUT_ENDED")
    assert run("rollout", "start", "ferry/2", "--stages", "half").code == 1


def test_a_device_and_what_it_told(run: Run, server: Server, fleet: Workplace) -> None:
    report(server, "models/ferry/rollouts/1", 5, 0.6)
    assert "deck-1" in run("device", "list", "--model", "ferry").out
    shown = run("device", "show", "deck-1", "--json").json
    assert (shown["version"], shown["drift"], shown["window_count"]) == ("models/ferry/versions/1", 1.25, 50)
    assert "1.25" in run("device", "show", "deck-1").out


def test_a_policy_is_set_shown_and_switched_off(run: Run, fleet: Workplace) -> None:
    assert run("policy", "show", "ferry", "--json").json["error"]["reason"] == "POLICY_NOT_FOUND"
    options = ("--drifting", 5, "--rest", 2, "--scope", "norm_affine", "--stages", "0.5,1")
    made = run("policy", "set", "ferry", "--target", "dock", *options, "--json").json
    assert (made["state"], made["device_count"], made["rest_hours"]) == ("WATCHING", 5, 2.0)
    assert (made["adaptation"]["scope"], made["plan"]["stages"]) == ("norm_affine", [0.5, 1.0])
    assert "5 devices on stable with a drift of 1 or more" in run("policy", "show", "ferry").out
    off = run("policy", "off", "ferry", "--json").json
    assert (off["enabled"], off["device_count"], off["events"][-1]["text"]) == (False, 5, "switched off")
    assert run("policy", "set", "ferry", "--target", "nowhere", "--json").json["error"]["reason"] == "DATASET_NOT_FOUND"
