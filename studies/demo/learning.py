"""The part of the story on land: pretraining, and every rung of the ladder on the device's windows."""

from dataclasses import dataclass
from typing import Any

from slipway.client import Client
from slipway.client.values import Decision, JobResult, Progress
from studies.demo.device import Device
from studies.demo.result import Row
from studies.demo.telling import Telling
from studies.labels import few_labels

FEW = 20  # labels a class
MODEL = "rover"


@dataclass(frozen=True)
class Learned:
    """What was learned, and what the gate let through."""

    rows: tuple[Row, ...]
    shipped: str  # a version's name
    decision: Decision
    history: tuple[Progress, ...]
    seconds_pretrain: float
    seconds_adapt: float


def upload(client: Client, device: Device, seed: int) -> None:
    """Make the datasets: the pool with no label, a few labels, all labels; and the test."""
    few = few_labels(device.pool_labels, FEW, seed)
    kept = few >= 0
    for name, values, labels in (
        ("pool", device.pool, None),
        ("few", device.pool[kept], few[kept]),
        ("all", device.pool, device.pool_labels),
        ("test", device.test, device.test_labels),
    ):
        client.datasets.create(name, device.task.sensor, device.task.classes)
        client.datasets.upload_windows(name, values, labels)


def learn(client: Client, seed: int, tell: Telling, windows: int = 0) -> Learned:
    """Pretrain on so many simulated windows (0: the world's own), adapt in every way of the table, measure each."""
    lab = _Lab(client, seed, tell)
    base, seconds_pretrain = lab.pretrain(MODEL, "pretraining in simulation", world="rover", window_count=windows)
    rows = [lab.measured("zero_shot", "simulation only", base)]
    for scope in ("input_statistics", "norm_statistics"):
        forced = lab.adapt(base, "pool", scope, scope=scope, objectives={"moments": 1.0}, enforce_gate=False)
        size = forced.adapter_size_bytes
        rows.append(lab.measured(scope, f"+ {scope.replace('_', ' ')}", forced.version, size))
    free = lab.adapt(base, "pool", "adapting, the service chooses")
    shipped = free.version or base
    rows.append(lab.measured("unsupervised", "+ unlabelled pool, gated", shipped, free.adapter_size_bytes))
    rows += _labelled(lab, base)
    assert free.decision is not None
    history = client.models.version(base).history
    return Learned(tuple(rows), shipped, free.decision, history, seconds_pretrain, sum(free.stage_seconds.values()))


def _labelled(lab: "_Lab", base: str) -> list[Row]:
    """The rows that labels make: few past the gate, the same few without simulation, and all without simulation."""
    few = lab.adapt(base, "few", f"adapting with {FEW} labels a class")
    rows = [lab.measured(f"shot_{FEW}", f"+ {FEW} labels a class, gated", few.version or base, few.adapter_size_bytes)]
    for name, dataset, meaning in (
        (f"scratch_{FEW}", "few", f"{FEW} labels a class alone"),
        ("supervised", "all", "every pool label alone"),
    ):
        version, _ = lab.pretrain(f"from-{dataset}", f"learning from {dataset} labels", dataset=dataset)
        rows.append(lab.measured(name, meaning, version))
    return rows


@dataclass(frozen=True)
class _Lab:
    """Jobs of the story, waited for and told."""

    client: Client
    seed: int
    tell: Telling

    def pretrain(self, model: str, words: str, **source: Any) -> tuple[str, float]:
        """A new version of ``model``, and the seconds its job worked."""
        result = self.tell.wait(self.client, self.client.jobs.pretrain(model, seed=self.seed, **source), words)
        return result.version, sum(result.stage_seconds.values())

    def adapt(self, base: str, dataset: str, words: str, **method: Any) -> JobResult:
        """The result of fitting ``base`` to ``dataset``."""
        return self.tell.wait(self.client, self.client.jobs.adapt(base, dataset, seed=self.seed, **method), words)

    def measured(self, name: str, meaning: str, version: str, size: int = 0) -> Row:
        """A row of the table, told as soon as it is known."""
        job = self.client.jobs.evaluate(version, "test")
        found = self.tell.wait(self.client, job, f"measuring {name}").evaluation
        assert found is not None
        self.tell.say(f"{name:<17} {100 * found.accuracy:6.2f} %  [dim]{meaning}[/dim]")
        return Row(name, meaning, found.accuracy, found.macro_f1, found.confusion, size)
