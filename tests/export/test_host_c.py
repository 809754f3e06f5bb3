"""Generated C as a witness on this computer: it sees every tensor, and a planted fault in any part of it."""

from dataclasses import replace

import numpy as np
import pytest

from export.c import generate
from export.calibration import calibrate
from export.folding import fold
from export.graph import to_bytes
from export.host_c import ENTERED_SHARE, Answered, Matched, answers, match, require_match
from export.host_program import NAME, built, compiler
from export.int8 import int8_onnx
from export.integer import Int8Net, Linear
from export.proof import run
from export.steps import Normalize
from nets import layers as records
from nets.layers import Conv, Dense, GlobalAveragePool, VectorNorms
from slipway.errors import Reason, Refused
from tests.export.c import foreign
from tests.export.c.building import needs_compiler
from tests.export.examples import change, example, model, windows
from tests.nets.sensors import moving

MODEL = model(
    (VectorNorms(((0, 1, 2), (3, 4, 5))), records.Normalize(), Conv(8, 3), GlobalAveragePool(), Dense(4)), (32, 6)
)
Files = dict[str, bytes]


def exported(name: str = "cnn", count: int = 32) -> tuple[Int8Net, bytes, Files, np.ndarray]:
    made = example(name)
    values = windows(made, count)
    net = calibrate(fold(made), values).net
    graph = to_bytes(int8_onnx(net, made.task))
    return net, graph, dict(generate(graph).files), values


def behind_norms() -> tuple[Int8Net, bytes, np.ndarray]:
    """A net behind a front that two libraries agree on to the last bits only."""
    values = moving(24)
    net = calibrate(fold(MODEL), values).net
    return net, to_bytes(int8_onnx(net, MODEL.task)), values


def off_by_a_bit(net: Int8Net) -> Int8Net:
    """The net with one bit of its largest weight turned."""
    layer = next(layer for layer in net.layers if isinstance(layer, Linear))
    weights = layer.weights.copy()
    weights.reshape(-1)[np.abs(weights).argmax()] ^= 1
    other = replace(layer, weights=weights)
    return replace(net, layers=tuple(other if one is layer else one for one in net.layers))


def edited(files: Files, file: str, old: str, new: str) -> Files:
    text = files[file].decode()
    assert old in text
    return {**files, file: text.replace(old, new, 1).encode()}


@needs_compiler
def test_every_tensor_of_the_program_is_the_graphs():
    net, graph, files, values = exported()
    found = require_match(match(files, graph, net, values, chunk=20))
    assert (found.windows, found.tensors, found.differing, found.first) == (32, 9, 0, None)
    assert found.answers_differing == found.entered_bytes == 0
    assert answers(files, graph, values, chunk=20) == Answered(32, 640, 0, 0)


@needs_compiler
def test_a_fault_in_the_code_is_caught_in_the_tensor_where_it_stands():
    net, graph, files, values = exported()
    wrong = edited(files, "model_weights.c", "= {\n    ", "= {\n    1 + ")
    found = match(wrong, graph, net, values)
    assert found.first == "1.conv" and found.differing > 0
    with pytest.raises(Refused) as refused:
        require_match(found)
    assert refused.value.reason is Reason.EXPORT_DIFFERS and "1.conv" in refused.value.message
    assert not answers(wrong, graph, values).same


@needs_compiler
def test_a_fault_that_only_the_program_without_its_trace_has_is_caught():
    net, graph, files, values = exported()
    head = files["model.c"].decode().index("void model_run(")
    body = files["model.c"].decode().index("{\n", head) + 2
    code = files["model.c"].decode()
    fault = "#ifndef MODEL_TRACE\n    (void)window;\n    logits[0] = 0.0f;\n    return;\n#endif\n"
    files["model.c"] = (code[:body] + fault + code[body:]).encode()
    found = match(files, graph, net, values)
    assert found.differing == 0 and found.answers_differing > 0
    with pytest.raises(Refused) as refused:
        require_match(found)
    assert "without its trace" in refused.value.message


@needs_compiler
def test_a_tensor_that_the_program_does_not_show_counts_as_wrong():
    net, graph, files, values = exported()
    found = match(edited(files, "model.c", 'show("5.conv"', 'show("other"'), graph, net, values)
    assert found.first == "5.conv" and found.differing > 0


@needs_compiler
def test_behind_an_inexact_front_the_bytes_that_enter_may_differ_in_a_few():
    net, graph, values = behind_norms()
    found = require_match(match(generate(graph).files, graph, net, values))
    assert found.entered_bytes > 0 and found.entered_differing <= ENTERED_SHARE * found.entered_bytes


@needs_compiler
def test_a_wrong_front_is_caught_although_its_integers_are_right():
    net, graph, values = behind_norms()
    mean = next(step for step in net.front if isinstance(step, Normalize))
    moved = replace(mean, mean=mean.mean + np.float32(0.3))
    front = tuple(moved if step is mean else step for step in net.front)
    wrong = generate(to_bytes(int8_onnx(replace(net, front=front), MODEL.task))).files
    found = match(wrong, graph, net, values)
    assert found.differing == 0
    with pytest.raises(Refused) as refused:
        require_match(found)
    assert "lets other bytes in" in refused.value.message


@needs_compiler
def test_behind_an_inexact_front_the_integers_are_those_of_the_net():
    net, graph, values = behind_norms()
    assert match(generate(graph).files, graph, off_by_a_bit(net), values).differing > 0


@needs_compiler
def test_a_graph_from_elsewhere_that_ends_in_float_answers_alike_to_the_last_bits():
    graph = to_bytes(foreign.qdq(3))
    values = np.random.default_rng(0).normal(0, 2, (200, 3, 22)).astype(np.float32)
    found = answers(generate(graph).files, graph, values)
    assert found.same and found.differing > 0

    def edit(bias: np.ndarray) -> None:
        bias += 400

    assert not answers(generate(change(foreign.qdq(3), "two_b", edit)).files, graph, values).same


@pytest.mark.parametrize(("entered", "fits"), [(10, True), (11, False)])
def test_one_byte_in_a_hundred_may_enter_otherwise(entered, fits):
    found = Matched(5, 9, 4000, 0, None, entered, 0, 1000)
    if fits:
        assert require_match(found) is found
    else:
        with pytest.raises(Refused):
            require_match(found)


@needs_compiler
def test_what_the_compiler_warns_of_is_refused_with_its_words():
    net, graph, files, values = exported()
    with pytest.raises(Refused) as refused:
        match(edited(files, "model.c", "void model_run(", "static int idle;\nvoid model_run("), graph, net, values)
    assert refused.value.field == "files" and "idle" in refused.value.message


def test_without_a_compiler_nothing_is_built(monkeypatch):
    _, _, files, _ = exported()
    monkeypatch.setenv("PATH", "")
    assert compiler() is None
    with pytest.raises(Refused) as refused, built(files, traced=False):
        pass
    assert "C compiler" in refused.value.message


@needs_compiler
def test_a_program_is_let_go_of():
    _, graph, files, values = exported()
    before = mapped()
    with built(files, traced=False) as program:
        np.testing.assert_array_equal(program.run(values, 5), run(graph, values))
        assert mapped() > before
    assert mapped() == before


def mapped() -> int:
    """How many mappings of this process are shared objects named after the model."""
    with open("/proc/self/maps") as file:
        return sum(f"{NAME}.so" in line for line in file)
