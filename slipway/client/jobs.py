"""The client's calls about long work."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.struct_pb2 import Struct

from slipway import ranged
from slipway.client import files
from slipway.client.convert import to_value
from slipway.client.pages import every
from slipway.client.values import Artifact, Job
from slipway.errors import Reason, Refused
from slipway.names import dataset_name, job_name, last_part, version_name
from slipway.transport import PATIENCE_S, ServerUnreachable, ask, patiently, read_stream
from slipway.v1 import jobs_pb2, jobs_pb2_grpc


class Jobs:
    """Calls of ``slipway.v1.Jobs``. Every method raises ``ServerRefused`` or ``ServerUnreachable``."""

    def __init__(self, channel: object, address: str) -> None:
        self._channel = channel
        self._stub = jobs_pb2_grpc.JobsStub(channel)
        self._address = address

    def pretrain(
        self,
        model: str,
        *,
        world: str = "",
        window_count: int = 0,
        prior: Mapping[str, Any] | None = None,
        identification: str = "",
        curriculum: Mapping[str, float] | None = None,
        dataset: str = "",
        architecture: str = "",
        epoch_count: int = 0,
        seed: int = 0,
        request_id: str | None = None,
    ) -> Job:
        """Learn a base for ``model`` from a ``world`` or from a labelled ``dataset``; 0 and "" mean the default.

        Args:
            prior: rows that replace the world's own.
            identification: an identify job of the same world; its fitted prior takes the place of the world's own.
            curriculum: some of ``round_count``, ``start_share``, ``step`` and ``cope_above``; {} for the defaults, None
                for the whole prior from the first window on.
        """
        spec = jobs_pb2.PretrainSpec(
            model_id=last_part(model), architecture=architecture, epoch_count=epoch_count, seed=seed
        )
        if world:
            source = jobs_pb2.WorldSource(
                world=world,
                window_count=window_count,
                prior=_struct(prior),
                identification=job_name(identification) if identification else "",
                curriculum=None if curriculum is None else jobs_pb2.Curriculum(**_numbers(curriculum)),
            )
            spec.world.CopyFrom(source)
        if dataset:
            spec.dataset = dataset_name(dataset)
        return self._create(jobs_pb2.Job(pretrain=spec), request_id)

    def adapt(
        self,
        base: str,
        target: str | Sequence[str],
        *,
        scope: str = "",
        objectives: Mapping[str, float] | None = None,
        enforce_gate: bool = True,
        source: str = "",
        seed: int = 0,
        byte_budget: int = 0,
        candidates: Sequence[tuple[str, Mapping[str, float]]] = (),
        seed_count: int = 0,
        options: Mapping[str, Any] | None = None,
        conformal_coverage: float = 0.0,
        source_free: bool = False,
        measure_gains: bool = False,
        request_id: str | None = None,
    ) -> Job:
        """Fit version ``base`` to dataset ``target``. Empty scope and objectives leave the choice to the service.

        Args:
            target: one dataset, or several: each device gets a decision and a version of its own.
            objectives: weight by name.
            enforce_gate: False makes the asked-for candidate a version whatever the gate says.
            source: labelled dataset for objectives that compare with the source.
            byte_budget: bytes of the change on the device after int8 export, instead of a scope; 0: no limit.
            candidates: several (scope, objectives) that compete, instead of one scope and its objectives.
            seed_count: how often each way is run; 0 means once.
            options: some of ``learning_rate``, ``step_count``, ``batch_size``, ``pull_to_base``, ``label_smoothing``,
                ``validation_share``, ``patience`` and ``marginal`` (a share for each class).
            conformal_coverage: share that sets of classes shall cover; 0: no sets.
            source_free: do not look at the source windows that are kept beside the base.
            measure_gains: measure what the base is worth to this device, where the target has labels.
        """
        policies = jobs_pb2.AdaptSpec.GatePolicy
        one = isinstance(target, str)
        plans = [jobs_pb2.AdaptPlan(scope=s, objectives=_weighted(o)) for s, o in candidates]
        spec = jobs_pb2.AdaptSpec(
            base=version_name(base),
            target=dataset_name(target) if isinstance(target, str) else "",
            targets=() if one else [dataset_name(name) for name in target],
            scope=scope,
            objectives=_weighted(objectives or {}),
            gate_policy=policies.ENFORCE if enforce_gate else policies.REPORT_ONLY,
            source=dataset_name(source) if source else "",
            seed=seed,
            byte_budget=byte_budget,
            candidates=plans,
            seed_count=seed_count,
            options=_options(options) if options else None,
            conformal_coverage=conformal_coverage,
            source_free=source_free,
            measure_gains=measure_gains,
        )
        return self._create(jobs_pb2.Job(adapt=spec), request_id)

    def export(
        self,
        version: str,
        calibration: str,
        *,
        fine_tune: bool = False,
        cores: Sequence[str] = (),
        independent: bool = False,
        integer_arithmetic: bool = False,
        simd: bool = False,
        request_id: str | None = None,
    ) -> Job:
        """Make the files that devices run; ``calibration`` is a dataset of real windows.

        Args:
            fine_tune: learn on where int8 loses more than half a point of accuracy.
            cores: emulated cores on which the generated C has to give the same bytes, such as "cortex-m4f".
            independent: calibrate from scratch, also where the parent is exported.
            integer_arithmetic: the C computes without floating point between the layers.
            simd: the C may use the DSP extension.
        """
        code = jobs_pb2.CodeOptions(integer_arithmetic=integer_arithmetic, simd=simd)
        spec = jobs_pb2.ExportSpec(
            version=version_name(version),
            calibration=dataset_name(calibration),
            fine_tune=fine_tune,
            cores=cores,
            independent=independent,
            code=code,
        )
        return self._create(jobs_pb2.Job(export=spec), request_id)

    def fit(
        self,
        model: str,
        base: str,
        dataset: str,
        profile: str | Mapping[str, Any],
        *,
        calibration: str = "",
        effort: Mapping[str, Any] | None = None,
        seed: int = 0,
        request_id: str | None = None,
    ) -> Job:
        """Find the best net for a device that can learn from version ``base``; it becomes a version of ``model``.

        Args:
            dataset: windows to learn from and to judge by, labelled or not.
            profile: name of a ready-made one ("cortex-m3", "cortex-m4f", "cortex-m7f", "gateway"), or fields of
                ``DeviceProfile``: a ready-made name and what differs, or a name of your own with all limits.
            calibration: dataset of where it will serve, for int8; that of ``dataset`` by default.
            effort: some of ``candidate_count`` and ``round_step_counts``.
        """
        described = {"name": profile} if isinstance(profile, str) else dict(profile)
        spec = jobs_pb2.FitSpec(
            model_id=last_part(model),
            base=version_name(base),
            dataset=dataset_name(dataset),
            profile=jobs_pb2.DeviceProfile(**_known("profile", described, PROFILE)),
            calibration=dataset_name(calibration) if calibration else "",
            seed=seed,
            effort=jobs_pb2.FitEffort(**_known("effort", effort, EFFORT)) if effort else None,
        )
        return self._create(jobs_pb2.Job(fit=spec), request_id)

    def evaluate(self, version: str, dataset: str, *, form: str = "learned", request_id: str | None = None) -> Job:
        """Measure a version on a labelled dataset; ``form`` is "learned", "float_onnx" or "int8_onnx"."""
        spec = jobs_pb2.EvaluateSpec(
            version=version_name(version),
            dataset=dataset_name(dataset),
            form=form.upper(),
        )
        return self._create(jobs_pb2.Job(evaluate=spec), request_id)

    def identify(
        self,
        world: str,
        dataset: str,
        *,
        prior: Mapping[str, Any] | None = None,
        names: Sequence[str] = (),
        method: str = "",
        simulation_count: int = 0,
        seed: int = 0,
        request_id: str | None = None,
    ) -> Job:
        """Fit the prior of ``world`` to what a device measured; 0 and "" mean the default.

        Args:
            prior: rows that replace the world's own.
            names: parameters that the device keeps through the whole recording.
            method: "paired" (the recording holds targets), "unpaired", or "" for what the data allow.
        """
        spec = jobs_pb2.IdentifySpec(
            world=world,
            dataset=dataset_name(dataset),
            prior=_struct(prior),
            names=names,
            method=_method(method),
            simulation_count=simulation_count,
            seed=seed,
        )
        return self._create(jobs_pb2.Job(identify=spec), request_id)

    def download_artifact(
        self,
        job: str,
        artifact: str,
        path: str | Path,
        *,
        progress: ranged.Report | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Artifact:
        """Fetch a file of a job, such as the "report" of an identification; see ``Models.download_artifact``.

        Raises:
            Refused: DOWNLOAD_INVALID or BUNDLE_HASH_MISMATCH; FIELD_INVALID for a file that the job lacks.
        """
        found = self._artifact(job, artifact)
        files.download(self._channel, self._address, found, path, progress=progress, patience_s=patience_s)
        return found

    def receipt(self, job: str, *, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The receipt of an adapt job that kept the base, as JSON values; what they mean: docs/receipts.md.

        Raises:
            Refused: FIELD_INVALID for a job without one (a version that was made has it: ``Models.receipt``).
        """
        found = self._artifact(job, files.RECEIPT)
        return files.document(self._channel, self._address, found, patience_s=patience_s)

    def _artifact(self, job: str, artifact: str) -> Artifact:
        result = self.get(job).result
        remedy = "Wait until the job has succeeded; those of a version that it made belong to the version."
        return files.find(artifact, result.artifacts if result else (), job_name(job), remedy)

    def get(self, name: str) -> Job:
        """One job."""
        job: Job = to_value(ask(self._stub.GetJob, jobs_pb2.GetJobRequest(name=job_name(name)), self._address))
        return job

    def list(self) -> Iterator[Job]:
        """All jobs, newest first, fetched page by page."""
        return every(self._stub.ListJobs, jobs_pb2.ListJobsRequest, "jobs", self._address)

    def cancel(self, name: str) -> Job:
        """Ask a job to stop at its next step."""
        job: Job = to_value(ask(self._stub.CancelJob, jobs_pb2.CancelJobRequest(name=job_name(name)), self._address))
        return job

    def watch(self, name: str, *, patience_s: float = PATIENCE_S) -> Iterator[Job]:
        """Yield the job now and whenever it changes, up to its last state; a broken line is opened again.

        Raises:
            ServerUnreachable: the server stayed away for ``patience_s``.
        """
        request = jobs_pb2.WatchJobRequest(name=job_name(name))
        job = None
        while job is None or not job.ended:
            try:
                for message in read_stream(self._stub.WatchJob, request, self._address):
                    job = to_value(message)
                    yield job
            except ServerUnreachable:
                job = patiently(lambda: self.get(name), patience_s)
                yield job

    def wait(self, name: str, *, progress: Callable[[Job], None] | None = None, patience_s: float = PATIENCE_S) -> Job:
        """Wait for a job's last state, whatever it is; ``progress`` is called with every change on the way."""
        job = None
        for job in self.watch(name, patience_s=patience_s):
            if progress:
                progress(job)
        assert job is not None
        return job

    def _create(self, job: jobs_pb2.Job, request_id: str | None) -> Job:
        request = jobs_pb2.CreateJobRequest(job=job, request_id=request_id or str(uuid.uuid4()))
        created: Job = to_value(ask(self._stub.CreateJob, request, self._address))
        return created


OPTIONS = tuple(jobs_pb2.AdaptOptions.DESCRIPTOR.fields_by_name)
CURRICULUM = tuple(jobs_pb2.Curriculum.DESCRIPTOR.fields_by_name)
PROFILE = tuple(jobs_pb2.DeviceProfile.DESCRIPTOR.fields_by_name)
EFFORT = tuple(jobs_pb2.FitEffort.DESCRIPTOR.fields_by_name)
METHODS = {"": "METHOD_UNSPECIFIED", "paired": "PAIRED", "unpaired": "UNPAIRED"}


def _weighted(objectives: Mapping[str, float]) -> list[jobs_pb2.WeightedObjective]:
    return [jobs_pb2.WeightedObjective(objective=name, weight=weight) for name, weight in objectives.items()]


def _options(options: Mapping[str, Any]) -> jobs_pb2.AdaptOptions:
    whole, known = ("step_count", "batch_size"), _known("options", options, OPTIONS)
    given: dict[str, Any] = {name: int(value) if name in whole else value for name, value in known.items()}
    return jobs_pb2.AdaptOptions(**given)


def _numbers(curriculum: Mapping[str, float]) -> dict[str, Any]:
    known = _known("curriculum", curriculum, CURRICULUM)
    return {name: int(number) if name == CURRICULUM[0] else number for name, number in known.items()}


def _known(field: str, given: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    for name in given:
        if name not in names:
            words = {"problem": "is not known", "found": repr(name), "remedy": f"Use some of {', '.join(names)}."}
            raise Refused(Reason.FIELD_INVALID, field=field, **words)
    return dict(given)


def _method(method: str) -> str:
    if method not in METHODS:
        words = {"problem": "is not known", "found": repr(method), "remedy": 'Use "paired", "unpaired" or "".'}
        raise Refused(Reason.FIELD_INVALID, field="method", **words)
    return METHODS[method]


def _struct(fields: Mapping[str, Any] | None) -> Struct | None:
    if not fields:
        return None
    struct = Struct()
    struct.update(dict(fields))
    return struct
