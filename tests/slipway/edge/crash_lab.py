"""Pieces of work that change a device's folder, what may run after a crash of each, and the check that it does."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.edge.state import needed
from slipway.edge.store import Store
from slipway.errors import Reason, Refused
from slipway.v1 import updates_pb2 as pb
from tests.slipway.edge import crashes
from tests.slipway.edge.bundles import bundle
from tests.slipway.edge.crashes import Recording
from tests.slipway.edge.repository import Repository, Served

MODEL = "models/rover"
CRASHES = {"kill": crashes.killed, "cut": crashes.cut}


class Rollouts(Repository):
    """A repository that may also offer a candidate."""

    candidate: pb.Candidate | None = None

    def GetMetadata(self, request: pb.GetMetadataRequest, context: object) -> pb.UpdateMetadata:
        answer = super().GetMetadata(request, context)
        if self.candidate is not None:
            answer.candidate.CopyFrom(self.candidate)
        return answer

    def beside(self, version: int) -> None:
        """Let devices run a version beside their own."""
        data = bundle(version)
        sha256 = hashlib.sha256(data).hexdigest()
        self.targets[sha256] = data
        target = pb.Target(sha256=sha256, size_bytes=len(data))
        self.candidate = pb.Candidate(
            rollout=f"{MODEL}/rollouts/1", version=f"{MODEL}/versions/{version}", target=target
        )


@dataclass
class Lab:
    """A repository on a socket, lines to it and to nobody, and a folder to work in."""

    repository: Rollouts
    near: Remote
    away: Remote
    work: Path

    def run(self, folder: Path, *, update: bool = True) -> Installer:
        """What an agent does at its start, with the server there or away."""
        store = Store(folder)
        with store.locked():
            line = self.near if update else self.away
            installer = Installer(store, line, model=MODEL, channel="stable", tell=lambda *_, **__: None)
            installer.rehearse = lambda _: None
            installer.start()
            if update:
                installer.update()
                installer.report()
        return installer


@contextmanager
def laboratory(work: Path) -> Iterator[Lab]:
    """A lab in the folder ``work``."""
    repository = Rollouts()
    served = Served(repository)
    near, away = Remote(served.address), Remote("127.0.0.1:1")
    try:
        yield Lab(repository, near, away, work)
    finally:
        near.close()
        away.close()
        served.stop()


@dataclass
class Work:
    """A piece of work: what was before it, what it does to a folder, and which versions may run after a crash of it."""

    before: Callable[[Lab, Path], object]
    do: Callable[[Lab, Path], object]
    allowed: set[str]
    after: str = "3"  # what runs once the server was asked


def publish(lab: Lab, version: int, base: str = "") -> str:
    """Offer a version, with a delta from the bundle ``base`` if one is named."""
    sha256 = lab.repository.publish(MODEL, version, bundle(version, ballast=3000 if base else 0))
    if base:
        lab.repository.change(sha256, base)
    return sha256


def has(*versions: int) -> Callable[[Lab, Path], None]:
    """A device that installed these one after the other, and is offered version 3."""

    def before(lab: Lab, folder: Path) -> None:
        for version in versions:
            publish(lab, version)
            lab.run(folder)
        publish(lab, 3)

    return before


def has_deltas(lab: Lab, folder: Path, delta: bytes | None = None) -> None:
    """A device that runs a change of version 1, and is offered another."""
    base = lab.repository.publish(MODEL, 1, bundle(1, ballast=3000))
    lab.run(folder)
    publish(lab, 2, base)
    lab.run(folder)
    lab.repository.change(publish(lab, 3, base), base, delta)


def has_damage(lab: Lab, folder: Path) -> None:
    """A device whose newest bundle lost its bytes; version 3 is offered."""
    has(1, 2)(lab, folder)
    current = lab.run(folder, update=False).state.current
    assert current is not None
    Store(folder).bundle(current.sha256).write_bytes(b"damaged")


def has_candidate(lab: Lab, folder: Path) -> None:
    """A device that runs 2 and, beside it, 3, to which the channel then moves."""
    for version in (1, 2):
        publish(lab, version)
        lab.run(folder)
    lab.repository.beside(3)
    lab.run(folder)
    lab.repository.candidate = None
    publish(lab, 3)


def stage(lab: Lab, folder: Path) -> None:
    """Fetch version 4 to run it beside."""
    lab.repository.beside(4)
    lab.run(folder)


def take_back(lab: Lab, folder: Path) -> None:
    """Run version 2, find it bad while it answers, and go back."""
    store = Store(folder)
    with store.locked():
        installer = Installer(store, lab.away, model=MODEL, channel="stable", tell=lambda *_, **__: None)
        installer.start()
        assert installer.live is not None
        refusal = Refused(Reason.SELF_TEST_FAILED, field="health", found="1.0", expected="2.0", limit="0.1", name="2")
        assert installer.slots.roll_back(installer.live, refusal)


def only(*versions: int) -> Callable[[Lab, Path], None]:
    """A device that installed these; the last of them stays on offer."""

    def before(lab: Lab, folder: Path) -> None:
        for version in versions:
            publish(lab, version)
            lab.run(folder)

    return before


WORK = {
    "first": Work(has(), Lab.run, {"", "3"}),
    "second": Work(has(1), Lab.run, {"1", "3"}),
    "third": Work(has(1, 2), Lab.run, {"2", "3"}),
    "delta": Work(has_deltas, Lab.run, {"2", "3"}),
    "bad delta": Work(lambda lab, folder: has_deltas(lab, folder, b"not a delta"), Lab.run, {"2", "3"}),
    "damage": Work(has_damage, lambda lab, folder: lab.run(folder, update=False), {"1"}),
    "candidate comes": Work(only(1, 2), stage, {"2"}, after="2"),
    "candidate moves up": Work(has_candidate, Lab.run, {"2", "3"}),
    "taken back": Work(has(1, 2), take_back, {"1", "2"}),
}


def record(lab: Lab, work: Work) -> Recording:
    """Do the work once."""
    folder = lab.work / "device"
    folder.mkdir()
    work.before(lab, folder)
    with crashes.recorded(folder) as recording:
        work.do(lab, folder)
    return recording


def digit(installer: Installer) -> str:
    """The last digit of the version that runs; "" for none."""
    return installer.live.version.version[-1] if installer.live else ""


def whole(folder: Path) -> set[str]:
    """The hashes of the bundles on the disk, each of which must be whole."""
    found = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("bundles/*")}
    assert list(found) == list(found.values()), "a file stands here only after its hash was checked"
    return set(found)


def survives(lab: Lab, work: Work, folder: Path, *, spoiled: bool = False) -> str:
    """What runs after a start on such a disk; it must be old or new, and the device must go on from there.

    Args:
        spoiled: a bundle may have lost its bytes before.
    """
    if not spoiled:
        whole(folder)
    found = digit(lab.run(folder, update=False))
    assert found in work.allowed, f"{found or 'nothing'} runs"
    after = lab.run(folder)
    assert digit(after) == work.after
    assert whole(folder) == set(needed(after.state))
    assert list((folder / "downloads").iterdir()) == []
    return found


def crash_everywhere(lab: Lab, work: Work, recording: Recording, points: int, seed: int) -> set[str]:
    """Crash at ``points`` random moments, half of them by a power cut; which versions ran then."""
    draw = random.Random(seed)
    seen = set()
    for point in range(points):
        mode, count = ("kill", "cut")[point % 2], draw.randint(0, len(recording.changes))
        folder = lab.work / f"crash-{point}"
        CRASHES[mode](recording, count, draw, folder)
        try:
            seen.add(survives(lab, work, folder, spoiled=work is WORK["damage"]))
        except (AssertionError, Refused) as error:
            error.add_note(f"point {point} of seed {seed}: {mode} after {count} of {len(recording.changes)} changes")
            raise
    return seen
