"""A version in memory answers as a device does, whatever company a window has: graphs as the export writes them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from export.calibration import quantize
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from nets.architectures import ARCHITECTURES
from nets.model import Model
from nets.network import initial_arrays
from service.inference.limits import Limits
from service.inference.loaded import Loaded, load
from service.inference.tally import Tally
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec
from tests.service.inference.bundles import alone, batch_dependent, bundle, dense, task_of, windows

PHONE = SensorSpec(tuple(Channel(f"channel_{index}", "1") for index in range(9)), 50.0, 128)
LIMITS = Limits(batch_windows=16)


def loaded(content: bytes, pool: ThreadPoolExecutor) -> Loaded:
    return load(content, "m", 1, pool, LIMITS, Tally())


def exported(name: str, precision: str) -> bytes:
    task = task_of("m", PHONE, "abcdef")
    layers = ARCHITECTURES[name](task)
    model = Model(task, layers, initial_arrays(layers, PHONE.window_shape, seed=0))
    if precision == "float":
        return bundle(to_bytes(float_onnx(model)), task)
    return bundle(to_bytes(int8_onnx(quantize(fold(model), windows(32, 5, PHONE)).net, task)), task)


@pytest.mark.parametrize("precision", ["int8", "float"])
@pytest.mark.parametrize("name", ["cnn", "ds_cnn"])
async def test_exported_nets_answer_together_with_the_devices_bits(name: str, precision: str) -> None:
    content = exported(name, precision)
    with ThreadPoolExecutor(1) as pool:
        version = loaded(content, pool)
        assert version.together
        questions = [windows(1 + index % 5, index, PHONE) for index in range(24)]
        answers = await asyncio.gather(*(version.batcher.answer(question) for question in questions))
    for question, answer in zip(questions, answers, strict=True):
        assert answer.tobytes() == alone(content, question).tobytes()
    assert version.tally.runs < len(questions)


async def test_a_graph_that_rounds_batches_differently_is_run_window_by_window() -> None:
    task = task_of("m")
    content = bundle(batch_dependent(task, 0), task)
    with ThreadPoolExecutor(1) as pool:
        version = loaded(content, pool)
        assert not version.together
        question = windows(7)
        answer = await version.batcher.answer(question)
    assert answer.tobytes() == alone(content, question).tobytes()


def test_what_a_device_refuses_is_not_loaded() -> None:
    task = task_of("m")
    good = bundle(dense(task, 1), task)
    with ThreadPoolExecutor(1) as pool:
        assert loaded(good, pool).task == task
        for content in (good[:-1], bundle(dense(task, 1), task, fault=0.5), b""):
            with pytest.raises(Refused):
                loaded(content, pool)


def test_a_larger_bundle_counts_for_more() -> None:
    task = task_of("m")
    small, large = (bundle(dense(task, 1, ballast), task) for ballast in (0, 1_000_000))
    with ThreadPoolExecutor(1) as pool:
        found = [loaded(content, pool).size_bytes for content in (small, large)]
    assert found[1] - found[0] >= 2_000_000
    assert np.all(np.array(found) > 1 << 20)
