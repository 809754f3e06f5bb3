"""The Open Inference Protocol's messages: whom they ask, the windows they carry, the answers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message

from service import names
from service.inference import tensors
from service.inference.batching import Logits
from service.inference.engine import Asked
from service.inference.refusals import unknown, wrong
from service.inference.stubs import grpc_service_pb2 as pb
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Values

INPUT, OUTPUT, FLOAT, TEXT = "window", "logits", "FP32", "BYTES"
DEFAULT_CHANNEL = "stable"
SHARED_MEMORY = "shared_memory_"
KNOWN_ADDRESSES = 4096


def asked_from(request: pb.ModelInferRequest) -> Asked:
    """Whom a request for an answer asks.

    Raises:
        Refused: FIELD_REQUIRED, INFERENCE_UNKNOWN for what cannot be a model's name, or FIELD_INVALID.
    """
    parameters = request.parameters
    if not parameters:
        return address(request.model_name, request.model_version)
    device = _text(parameters, "device") if "device" in parameters else ""
    channel = _text(parameters, "channel") if "channel" in parameters else ""
    for name, value, other, found in (
        ("device", device, "model_version", request.model_version),
        ("channel", channel, "model_version", request.model_version),
        ("device", device, "channel", channel),
    ):
        if value and found:
            raise wrong(f"parameters.{name}", f"goes without a {other}", repr(found), "Name one of them.")
    return address(request.model_name, request.model_version, channel, device)


@lru_cache(KNOWN_ADDRESSES)
def address(model: str, version: str, channel: str = "", device: str = "", field: str = "model_") -> Asked:
    """A version of a model by its number, or, where that is empty, by a device or a channel.

    Args:
        field: what the request's fields are called before ``name`` and ``version``.

    Raises:
        Refused: as ``asked_from``.
    """
    if not model:
        raise Refused(Reason.FIELD_REQUIRED, field=f"{field}name")
    if not names.PART.fullmatch(model):
        raise unknown(repr(model), f"{field}name")
    if version and not names.NUMBER.fullmatch(version):
        remedy = "Send the number of a version, or nothing for what the channel points at."
        raise wrong(f"{field}version", "needs a whole number from 1 on", repr(version), remedy)
    _, channel_id = names.channel_key(f"models/{model}/channels/{channel or DEFAULT_CHANNEL}", "parameters.channel")
    device_id = names.device_id(f"devices/{device}", "parameters.device") if device else ""
    return Asked(model, int(version) if version else None, channel_id, device_id)


def windows_from(request: pb.ModelInferRequest, task: TaskSpec, limit: int) -> Values:
    """The windows (count, time, channels) of a request; their samples are not yet checked.

    Raises:
        Refused: FIELD_INVALID, WINDOW_SHAPE_MISMATCH or LIMIT_EXCEEDED, with the field.
    """
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        found = ", ".join(repr(each.name) for each in request.inputs) or "none"
        raise wrong("inputs", f"needs the one input {INPUT!r}", found, "Send what ModelMetadata lists.")
    tensor, field = request.inputs[0], f"inputs.{INPUT}"
    if tensor.datatype != FLOAT:
        raise wrong(f"{field}.datatype", f"needs {FLOAT}", repr(tensor.datatype), "Send float32.")
    if tensor.parameters:
        _refuse_shared_memory(tensor.parameters, field)
    raw = request.raw_input_contents
    if not raw:
        return tensors.windows_from_numbers(_numbers(tensor, field), tensor.shape, task.sensor, limit, field)
    if len(raw) != 1 or tensor.HasField("contents"):
        found = f"{len(raw)} raw" + (" and contents" if tensor.HasField("contents") else "")
        remedy = "Send raw_input_contents for every input, or contents for every input."
        raise wrong("raw_input_contents", "needs one entry for each input, and no contents beside", found, remedy)
    return tensors.windows_from_raw(raw[0], tensor.shape, task.sensor, limit, field)


def answer_to(request: pb.ModelInferRequest, number: int, task: TaskSpec, logits: Logits) -> pb.ModelInferResponse:
    """Write the answer to a request: its outputs raw, whatever form its windows had.

    Raises:
        Refused: as ``check_outputs``.
    """
    tops = check_outputs(request, task) if request.outputs else (0,)
    answer = pb.ModelInferResponse(model_name=request.model_name, model_version=str(number), id=request.id)
    for top in tops:
        datatype, width, raw = FLOAT, logits.shape[1], b""
        if top:
            datatype, width = TEXT, min(top, len(task.classes))
            raw = tensors.texts_to_raw(tensors.likeliest(logits, task.classes, width))
        answer.outputs.add(name=OUTPUT, datatype=datatype, shape=(len(logits), width))
        answer.raw_output_contents.append(raw or tensors.to_raw(logits))
    return answer


def check_outputs(request: pb.ModelInferRequest, task: TaskSpec) -> tuple[int, ...]:
    """For each output asked for, how many classes; 0 for the logits.

    Raises:
        Refused: FIELD_INVALID, with the field.
    """
    return tuple(_top(each, task) for each in request.outputs) or (0,)


def _top(output: pb.ModelInferRequest.InferRequestedOutputTensor, task: TaskSpec) -> int:
    if output.name != OUTPUT:
        raise wrong(
            "outputs", f"needs {OUTPUT!r}", repr(output.name), "Ask for what ModelMetadata lists, or for nothing."
        )
    field = f"outputs.{OUTPUT}"
    _refuse_shared_memory(output.parameters, field)
    if "classification" not in output.parameters:
        return 0
    count, field = output.parameters["classification"].int64_param, f"{field}.classification"
    if task.outputs:
        raise wrong(field, "the model answers quantities, not classes", count, "Ask for the output as it is.")
    if count < 1:
        raise wrong(field, "needs one class or more", count, "Send a whole number from 1 on, as int64.")
    return count


def _numbers(tensor: pb.ModelInferRequest.InferInputTensor, field: str) -> Sequence[float]:
    sent = [each.name for each, _ in tensor.contents.ListFields()]
    if sent != ["fp32_contents"]:
        remedy = "Send float32 in raw_input_contents or in contents.fp32_contents."
        found = ", ".join(sent) or "none"
        raise wrong(f"{field}.contents", "needs elements, in fp32_contents", found, remedy)
    return tensor.contents.fp32_contents


def _text(parameters: Mapping[str, Any], name: str) -> str:
    value: Message = parameters[name]
    if value.WhichOneof("parameter_choice") != "string_param":
        raise wrong(f"parameters.{name}", "needs a string", str(value).strip(), "Send it as string_param.")
    return str(parameters[name].string_param)


def _refuse_shared_memory(parameters: Mapping[str, Any], field: str) -> None:
    for name in parameters:
        if name.startswith(SHARED_MEMORY):
            remedy = "Send the elements in the request."
            raise wrong(f"{field}.parameters", "shared memory is not served", repr(name), remedy)
