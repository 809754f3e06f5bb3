"""The closed loop with everything real: devices drift, and the server adapts, judges and rolls out by itself.

A model learns from recorded watches. Four devices that people share, each a ``slipway edge run`` of its own, answer
what the wrists of people that the model never saw recorded; then they are carried in pockets, and answer what phones
recorded. Nobody says so to anyone: the devices report drift and send windows without a label, a policy does the rest.
Labels are used to count which answers were right, and by nobody else.
"""

import json
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from rich.console import Console

from sim.body.activity import CLASSES
from sim.worlds.wearable import WEARABLE_PHONE
from slipway.client import Client, connect
from slipway.client.rollout_values import Policy
from slipway.client.rollouts import Rollouts, plan
from studies import wearable
from studies.demo import processes
from studies.demo.telling import Telling
from studies.loop_picture import draw
from studies.study import Domain
from studies.wearable import LAST_POOL_SUBJECT, NAME, PHONE, WATCH

MODEL, SOURCE, HOME, TARGET = "activity", "watches", "home", "field"
DEVICES = 4
IN_A_ROW = 8  # windows
LAST_TAUGHT = 12  # of the people whose watches are labelled; the others' tell what home looks like
PAUSE_S = 0.08  # between two windows of a device
HOME_S, AFTER_S, LIMIT_S = 100.0, 60.0, 1800.0
DRIFT = 3.0  # wrists of strangers are at up to 2: twelve people and four are too few to know all
RUN = (
    "--report-every",
    "1",
    "--keep-windows",
    "8",
    "--share",
    "windows",
    "--dataset",
    TARGET,
    "--share-every",
    "0.01",
    "--share-drift",
    f"{DRIFT:g}",
)
STAGES = (0.5, 1.0)


@dataclass
class Carried:
    """One device and what it answered.

    Args:
        name: of the device.
        domain: where its windows come from, a few in a row of whoever has it; changes while it runs.
        draw: chance.
        answered: (seconds since the epoch, version, whether it was right) of each.
    """

    name: str
    domain: Domain
    draw: np.random.Generator
    answered: list[tuple[float, str, bool]] = field(default_factory=list)

    def play(self, node: processes.Edge, done: threading.Event) -> None:
        """Answer windows until ``done``."""
        at = count = 0
        while not done.wait(PAUSE_S):
            domain = self.domain
            at = int(self.draw.integers(len(domain.labels))) if count % IN_A_ROW == 0 else (at + 1) % len(domain.labels)
            count += 1
            [found] = node.answer(domain.values[at : at + 1])
            right = found["class"] == CLASSES[domain.labels[at]]
            self.answered.append((time.time(), found["version"].rpartition("/")[2], right))


def study(folder: Path, out: Path, seeds: int, console: Console) -> None:
    """Run the loop once for each seed and write ``loop.json`` and ``loop.png`` into ``out``."""
    runs = [_run(folder, out / "loop" / str(seed), seed, Telling(console, as_json=False)) for seed in range(seeds)]
    (out / "loop.json").write_text(json.dumps({"runs": runs}, indent=1) + "\n")
    draw(runs[0], out / "loop.png")


def _run(folder: Path, place: Path, seed: int, tell: Telling) -> dict[str, Any]:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    watch, phone = _people(folder, WATCH), _people(folder, PHONE)
    tell.step(f"Closed loop, seed {seed}")
    with (place / "log.txt").open("wb") as log, ExitStack() as stack:
        address, _ = stack.enter_context(processes.server(place / "server", log))
        client = stack.enter_context(connect(address))
        _publish_base(client, watch, seed, tell)
        fleet = [Carried(f"device-{n}", _test(watch), np.random.default_rng((seed, n))) for n in range(DEVICES)]
        done = stack.enter_context(_playing(fleet, address, place, log))
        began = time.time()
        rollouts = Rollouts(client.channel, client.address)
        _set_policy(rollouts)
        done.wait(HOME_S)
        drift_home = _drift(rollouts)
        tell.say(f"at home: right {_share_right(fleet, began):.1%}, drift {drift_home}")
        moved = time.time()
        for each in fleet:
            each.domain = _joined(phone, range(1, LAST_POOL_SUBJECT + 1))
        policy = _until_it_rests(rollouts, tell, done)
        drift_moved = _drift(rollouts)
        ended = time.time()
        done.wait(AFTER_S)
        tell.say(f"at the end: right {_share_right(fleet, ended):.1%}, drift {_drift(rollouts)}")
        tests = {"watch": _test(watch), "phone": _test(phone)}
        scores = _scores(client, tests, tell)
        return {
            "seed": seed,
            "began": began,
            "moved": moved - began,
            "events": [(event.time.timestamp() - began, event.text) for event in policy.events if event.time],
            "rollouts": [_rollout(each, began) for each in rollouts.list(MODEL)],
            "answers": [[(at - began, version, right) for at, version, right in each.answered] for each in fleet],
            "drift": {"home": drift_home, "moved": drift_moved, "end": _drift(rollouts)},
            "right": {
                "home": _share_right(fleet, began, moved),
                "moved": _share_right(fleet, moved, _first_rollout(policy, ended)),
                "end": _share_right(fleet, ended),
            },
            "scores": scores,
        }


def _people(folder: Path, device: int) -> dict[int, Domain]:
    """Windows of each person's recordings with one kind of device."""
    found: dict[int, list[Domain]] = {}
    for each in wearable.load(folder / NAME / f"{NAME}.npz"):
        if each.device == device:
            found.setdefault(each.subject, []).append(wearable.cut(each))
    return {subject: wearable.joined(parts) for subject, parts in found.items()}


def _joined(people: dict[int, Domain], subjects: "Sequence[int] | range") -> Domain:
    return wearable.joined([people[subject] for subject in subjects if subject in people])


def _test(people: dict[int, Domain]) -> Domain:
    return _joined(people, [subject for subject in people if subject > LAST_POOL_SUBJECT])


def _publish_base(client: Client, watch: dict[int, Domain], seed: int, tell: Telling) -> None:
    source = _joined(watch, range(1, LAST_TAUGHT + 1))
    home = _joined(watch, range(LAST_TAUGHT + 1, LAST_POOL_SUBJECT + 1))
    for name in (SOURCE, HOME, TARGET):
        client.datasets.create(name, WEARABLE_PHONE.task.sensor, CLASSES)
    client.datasets.upload_windows(SOURCE, source.values, source.labels)
    client.datasets.upload_windows(HOME, home.values)
    made = tell.wait(client, client.jobs.pretrain(MODEL, dataset=SOURCE, seed=seed), "learning from watches")
    tell.wait(client, client.jobs.export(made.version, HOME), "exporting")
    client.models.set_channel(MODEL, "stable", made.version)
    tell.say(f"learned from {len(source.labels)} windows of watches, published {made.version}")


class _playing:
    """Devices that answer, each in a process of its own with a thread that feeds it."""

    def __init__(self, fleet: Sequence[Carried], address: str, place: Path, log: IO[bytes]) -> None:
        self._fleet, self._address, self._place, self._log = fleet, address, place, log
        self._stack, self._done = ExitStack(), threading.Event()

    def __enter__(self) -> threading.Event:
        for each in self._fleet:
            options = ("--device", each.name, *RUN)
            made = processes.edge(self._address, self._place / each.name, self._log, MODEL, options)
            node = self._stack.enter_context(made)
            thread = threading.Thread(target=each.play, args=(node, self._done), daemon=True)
            thread.start()
            self._stack.callback(thread.join)
            self._stack.callback(self._done.set)
        return self._done

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _set_policy(rollouts: Rollouts) -> None:
    from slipway.names import dataset_name
    from slipway.v1 import jobs_pb2

    adaptation = jobs_pb2.AdaptSpec(source=dataset_name(SOURCE))
    rollouts.set_policy(MODEL, TARGET, adaptation=adaptation, drift_limit=DRIFT, plan=plan(STAGES, device_count=2))


def _until_it_rests(rollouts: Rollouts, tell: Telling, done: threading.Event) -> Policy:
    """Wait for the end of the policy's first round, and tell what it does."""
    told, end = 1, time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        policy = rollouts.policy(MODEL)
        events = sorted(policy.events, key=lambda event: event.time.timestamp() if event.time else 0.0)
        for event in events[told:]:
            tell.say(event.text)
        told = max(told, len(events))
        if policy.state == "RESTING":
            return policy
        done.wait(1.0)
    raise RuntimeError(f"the policy still is {policy.state} after {LIMIT_S:.0f} s: {events[-1].text}")


def _drift(rollouts: Rollouts) -> list[float | None]:
    return [None if each.drift is None else round(each.drift, 2) for each in rollouts.devices(MODEL)]


def _share_right(fleet: Sequence[Carried], start: float, end: float = float("inf")) -> float:
    right = [right for each in fleet for at, _, right in each.answered if start <= at < end]
    return float(np.mean(right)) if right else float("nan")


def _first_rollout(policy: Policy, otherwise: float) -> float:
    times = [event.time.timestamp() for event in policy.events if event.time and "/rollouts/" in event.text]
    return min(times, default=otherwise)


def _rollout(rollout: Any, began: float) -> dict[str, Any]:
    events = [(event.time.timestamp() - began, event.text, event.stage) for event in rollout.events if event.time]
    kept = {"name": rollout.name, "state": rollout.state, "reason": rollout.reason, "events": events}
    return kept | {"signals": [asdict(each) for each in rollout.signals]}


def _scores(client: Client, tests: dict[str, Domain], tell: Telling) -> list[dict[str, Any]]:
    """How every version does on recordings of people that no version learned from."""
    found = []
    for name, domain in tests.items():
        client.datasets.create(f"test-{name}", WEARABLE_PHONE.task.sensor, CLASSES)
        client.datasets.upload_windows(f"test-{name}", domain.values, domain.labels)
        for version in client.models.versions(MODEL):
            job = client.jobs.evaluate(version.name, f"test-{name}")
            score = tell.wait(client, job, f"measuring {version.name} on {name}").evaluation
            assert score is not None
            tell.say(f"{version.name} on {name}: {score.accuracy:.1%}, macro-F1 {score.macro_f1:.1%}")
            row = {"version": version.name.rpartition("/")[2], "test": name}
            found.append(row | {"accuracy": score.accuracy, "macro_f1": score.macro_f1})
    return found
