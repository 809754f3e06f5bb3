"""A real server as a process of its own, and a worker whose pipelines are small enough for a test."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from service.blobs import open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.config import Config
from service.domain import (
    AdaptSpec,
    DataReference,
    Decision,
    EvaluateSpec,
    Evaluation,
    Evidence,
    ExportSpec,
    Failure,
    Identification,
    IdentifySpec,
    JobSpec,
    Lineage,
    NewDevice,
    NewVersion,
    Outcome,
    OutputEvaluation,
    PretrainSpec,
    Progress,
)
from service.worker.context import Context
from service.worker.loop import Workplace
from slipway.spec import TaskSpec
from tests.slipway.edge.bundles import CLASSES, SENSOR, bundle

ROOT = Path(__file__).parents[2]


class Server:
    """``python -m service`` on a loopback port, without workers of its own; it can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        """Start, at the same address as before, and wait until it listens."""
        options = ["--data-folder", str(self.folder), "--address", self.address, "--worker-count", "0"]
        self._log = (self.folder.parent / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service", *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.folder.parent / "server.log").read_text()
        self.address = line.split()[-1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it: in good order, or with SIGKILL."""
        os.kill(self.process.pid, number)
        self.process.wait(30)
        self._log.close()

    def worker(self) -> Workplace:
        """A worker on the server's catalogue; ``service.worker.loop.run_next`` lets it run one job."""
        config = Config(data_folder=self.folder)
        catalogue = Catalogue(database_url("", self.folder))
        pipelines = {"pretrain": pretrain, "export": export, "identify": identify, "evaluate": evaluate, "adapt": adapt}
        return Workplace(catalogue, open_blobs("", self.folder), config, pipelines, "test worker")


def pretrain(spec: JobSpec, context: Context) -> Outcome:
    """A version that knows nothing but its task; 3 epochs of progress."""
    assert isinstance(spec, PretrainSpec)
    history = tuple(Progress("training", epoch / 3, epoch, 1 / epoch, 0.5 + epoch / 10) for epoch in (1, 2, 3))
    for progress in history:
        context.report(progress)
    task = TaskSpec(spec.model_id, SENSOR, CLASSES).to_json()
    new = NewVersion(spec.model_id, task, Lineage(method="mlp", seed=spec.seed), 14, {"model": b"numbers"}, history)
    return Outcome(version=new, stage_seconds={"training": 0.1})


def export(spec: JobSpec, context: Context) -> Outcome:
    """The bundle of ``bundles.bundle``, large enough for a download in many pieces."""
    assert isinstance(spec, ExportSpec)
    _, model, _, number = spec.version.split("/")
    return Outcome(artifacts={"bundle": bundle(int(number), model=model, ballast=700_000)}, artifacts_of=spec.version)


REPORT = b"<html>" + b"what the recording says " * 20_000


def identify(spec: JobSpec, context: Context) -> Outcome:
    """What the job asked for comes back as what was found, one parameter of two determined."""
    assert isinstance(spec, IdentifySpec)
    before = {"unit": "1", "prior_low": 0.5, "prior_median": 1.0, "prior_high": 1.5}
    found = Identification(
        method=spec.method or "unpaired",
        prior=spec.prior or {"gain": {"kind": "Constant", "value": 1.1}},
        marginals=(
            {"name": "gain", **before, "low": 1.0, "median": 1.1, "high": 1.2, "shrinkage": 0.2, "determined": True},
            {"name": "slip", **before, "low": 0.5, "median": 1.0, "high": 1.5, "shrinkage": 1.0, "determined": False},
        ),
        reach={
            "p_value": 0.01,
            "channels": {"a": 0.01},
            "threshold": 0.05,
            "inside": False,
            "broken": ["a"],
            "words": {},
        },
        determination={},
        simulations=spec.simulation_count,
        seconds=0.5,
    )
    return Outcome(identification=found, artifacts={"report": REPORT, "fit": b"{}"})


def evaluate(spec: JobSpec, context: Context) -> Outcome:
    """A regression's measure of as many windows as the dataset holds."""
    assert isinstance(spec, EvaluateSpec)
    rows = (OutputEvaluation("force", "N", 0.875, 0.25),)
    return Outcome(evaluation=Evaluation(0.0, 0.0, (), (), len(context.dataset(spec.dataset).values), rows))


def receipt(shipped: str) -> bytes:
    """A receipt of two candidates, with what every reader looks for."""
    votes = {"scores": {"information": 0.25}, "changed": 0.125, "veto": ""}
    bare = {"options": {}, "seed": 0, "windows": {}, "best_epoch": None, "size_bytes": 72, "seconds": 0.5}
    bare |= {"evidence": votes}
    norms = {"name": "norms", "scope": "norm_statistics", "objective": "moments", "int8_bytes": 72}
    rows = [{"name": "base", "scope": "", "objective": "", "int8_bytes": 0, **bare}, {**norms, **bare}]
    document = {
        "schema_version": 1,
        "base": "models/m/versions/1",
        "target": {"name": "datasets/shed", "sha256": "0" * 64, "window_count": 50, "labelled_count": 20},
        "source": None,
        "explanation": "No method was named.",
        "remarks": ["The channel a is constant."],
        "diagnosis": ["mounted rotated by 90° about z"],
        "decision": {"chosen": shipped, "promoted": shipped != "base", "reason": "it has the better evidence"},
        "shipped": shipped,
        "candidates": rows,
        "gains": {"jumpstart": 0.3, "slope": -0.1, "asymptote": 0.05, "labels_saved": None, "harmful": []},
        "sets": None,
        "seconds": 1.5,
        "int8_bytes": 72,
    }
    return json.dumps(document).encode()


def adapt(spec: JobSpec, context: Context) -> Outcome:
    """Keeps the base of a dataset named "home"; of any other makes a version, or one a device and refuses the last."""
    assert isinstance(spec, AdaptSpec)
    row = Evidence("norms", {"information": 0.25}, 1.0)
    kept, won = (
        Decision("base", False, "it shows no symptom", (row,)),
        Decision("norms", True, "it is better", (row,), 0.95),
    )
    if spec.target == "datasets/home":
        return Outcome(decision=kept, artifacts={"receipt": receipt("base"), "report": REPORT})

    def version(target: str) -> NewVersion:
        model = spec.base.split("/")[1]
        lineage = Lineage("norms", spec.seed, spec.base, (DataReference(target, "0" * 64, 50),), decision=won)
        files = {"model": b"numbers", "adapter": b"few", "receipt": receipt("norms"), "report": REPORT}
        return NewVersion(model, TaskSpec(model, SENSOR, CLASSES).to_json(), lineage, 14, files)

    if spec.targets:
        *good, bad = spec.targets
        made = [NewDevice(target, version(target), won, adapter_size_bytes=3) for target in good]
        empty = Failure("DATASET_EMPTY", "adapt.target", {"name": bad})
        return Outcome(devices=(*made, NewDevice(bad, failure=empty)))
    words = "" if spec.scope else "No method was named."
    return Outcome(version=version(spec.target), decision=won, adapter_size_bytes=3, explanation=words)
