"""What the Open Inference Protocol tells of models: what they read and give, how they run, what they answered."""

from collections.abc import Iterable, Sequence

from service.convert.inference import FLOAT, INPUT, OUTPUT
from service.inference.limits import Limits
from service.inference.stubs import grpc_service_pb2 as pb
from service.inference.tally import STEPS, Duration, Tally
from slipway.spec import TaskSpec

PLATFORM, BACKEND = "onnxruntime_onnx", "onnxruntime"


def metadata_to(model_id: str, task: TaskSpec, versions: Sequence[int]) -> pb.ModelMetadataResponse:
    """Write what a model reads and gives."""
    tensor = pb.ModelMetadataResponse.TensorMetadata
    return pb.ModelMetadataResponse(
        name=model_id,
        versions=[str(number) for number in versions],
        platform=PLATFORM,
        inputs=[tensor(name=INPUT, datatype=FLOAT, shape=(-1, *task.sensor.window_shape))],
        outputs=[tensor(name=OUTPUT, datatype=FLOAT, shape=(-1, task.answer_size))],
    )


def config_to(model_id: str, task: TaskSpec, limits: Limits) -> pb.ModelConfig:
    """Write how a model is run."""
    return pb.ModelConfig(
        name=model_id,
        platform=PLATFORM,
        backend=BACKEND,
        max_batch_size=limits.batch_windows,
        input=[pb.ModelInput(name=INPUT, data_type=pb.TYPE_FP32, dims=task.sensor.window_shape)],
        output=[pb.ModelOutput(name=OUTPUT, data_type=pb.TYPE_FP32, dims=(task.answer_size,))],
        dynamic_batching=pb.ModelDynamicBatching(
            preferred_batch_size=[limits.batch_windows],
            max_queue_delay_microseconds=round(limits.batch_delay_seconds * 1e6),
            preserve_ordering=True,
        ),
        instance_group=[pb.ModelInstanceGroup(name=model_id, kind=pb.ModelInstanceGroup.KIND_CPU, count=1)],
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
    )


def statistics_to(rows: Iterable[tuple[str, int, Tally]]) -> pb.ModelStatisticsResponse:
    """Write what versions answered."""
    return pb.ModelStatisticsResponse(model_stats=[_statistics_to(*row) for row in rows])


def _statistics_to(model_id: str, number: int, tally: Tally) -> pb.ModelStatistics:
    total = pb.InferStatistics(
        success=_duration_to(tally.success),
        fail=_duration_to(tally.fail),
        queue=_duration_to(tally.queue),
        **_steps_to(tally.steps),
    )
    sizes = [pb.InferBatchStatistics(batch_size=size, **_steps_to(tally.sizes[size])) for size in sorted(tally.sizes)]
    return pb.ModelStatistics(
        name=model_id,
        version=str(number),
        last_inference=tally.last_us // 1000,
        inference_count=tally.windows,
        execution_count=tally.runs,
        inference_stats=total,
        batch_stats=sizes,
    )


def _steps_to(steps: tuple[Duration, Duration, Duration]) -> dict[str, pb.StatisticDuration]:
    return {name: _duration_to(step) for name, step in zip(STEPS, steps, strict=True)}


def _duration_to(duration: Duration) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=duration.count, ns=duration.ns)
