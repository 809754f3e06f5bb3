"""The C of a graph as one file: the same bytes each time, proven here and on emulated cores, or left out."""

import io
import zipfile

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export import code, host_c
from export.c import generate
from export.calibration import calibrate
from export.code import CodeOptions, archive, check_tools, write_code
from export.folding import fold
from export.graph import to_bytes
from export.host_program import built
from export.int8 import int8_onnx
from export.integer import Int8Net
from export.mcu.boards import BOARDS, CORTEX_M4F
from export.proof import run
from slipway.errors import Reason, Refused
from tests.export.c import foreign
from tests.export.c.building import needs_compiler
from tests.export.examples import example, windows
from tests.export.mcu.programs import needs_tools
from tests.export.test_host_c import behind_norms, off_by_a_bit

PLAIN = CodeOptions()


def exported(name: str = "cnn") -> tuple[Int8Net, bytes, np.ndarray]:
    made = example(name)
    values = windows(made, 32)
    net = calibrate(fold(made), values).net
    return net, to_bytes(int8_onnx(net, made.task)), values


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


def sliced(graph: bytes) -> bytes:
    """The graph with its logits cut out of its logits: an operator that C has no code for."""
    model = onnx.load_model_from_string(graph)
    for node in model.graph.node:
        node.output[:] = ["whole" if name == "logits" else name for name in node.output]
    ends = {"starts": [0], "ends": [99], "axes": [1]}
    model.graph.initializer.extend(numpy_helper.from_array(np.int64(end), name) for name, end in ends.items())
    model.graph.node.append(helper.make_node("Slice", ["whole", *ends], ["logits"], "cut"))
    return to_bytes(model)


def test_the_archive_is_the_files_and_the_same_each_time():
    files = generate(exported()[1]).files
    assert archive(files) == archive(dict(reversed(files.items())))
    assert opened(archive(files)) == files
    assert archive({**files, "model.h": b""}) != archive(files)


@needs_compiler
@pytest.mark.parametrize("how", [PLAIN, CodeOptions(integer_arithmetic=True), CodeOptions(simd=True)])
def test_what_is_unpacked_answers_as_the_graph(how):
    net, graph, values = exported()
    made = write_code(graph, net, values, values[:2], how)
    assert made.witnessed and not made.obstacle and not made.measured
    with built(opened(made.archive), traced=False) as program:
        assert program.run(values, 5).tobytes() == run(graph, values).tobytes()


def test_the_options_are_the_generators():
    _, graph, values = exported()
    found = opened(write_code(graph, None, values, values[:2], CodeOptions(integer_arithmetic=True, simd=True)).archive)
    assert found == generate(graph, arithmetic="integer", simd=True).files != generate(graph).files


@needs_compiler
def test_a_fault_that_only_c_shows_gives_no_code():
    net, graph, values = behind_norms()
    assert write_code(graph, net, values, values[:2], PLAIN).witnessed
    other = off_by_a_bit(net)
    with pytest.raises(Refused) as refused:
        write_code(graph, other, values, values[:2], PLAIN)
    assert refused.value.reason is Reason.EXPORT_DIFFERS and refused.value.details["precision"] == "generated"


@needs_compiler
def test_c_of_a_graph_from_elsewhere_is_no_witness_where_a_byte_differs():
    values = np.random.default_rng(0).normal(0, 2, (64, 3, 22)).astype(np.float32)
    made = write_code(to_bytes(foreign.qdq(3)), None, values, values[:2], PLAIN)
    assert made.archive is not None and not made.witnessed


@needs_compiler
def test_c_of_a_graph_from_elsewhere_that_strays_is_left_out(monkeypatch):
    values = np.random.default_rng(0).normal(0, 2, (64, 3, 22)).astype(np.float32)
    monkeypatch.setattr(host_c, "STRAY_SHARE", 0.0)  # now the last bits count
    made = write_code(to_bytes(foreign.qdq(3)), None, values, values[:2], PLAIN)
    assert made.archive is None and "stray" in made.obstacle and "of 64 windows" in made.obstacle


def test_what_c_cannot_express_is_left_out_and_says_which_node():
    net, graph, values = exported()
    made = write_code(sliced(graph), net, values, values[:2], PLAIN)
    assert made.archive is None and not made.witnessed and "cut" in made.obstacle and "Slice" in made.obstacle


def test_what_c_cannot_express_runs_on_no_board():
    net, graph, values = exported()
    with pytest.raises(Refused) as refused:
        write_code(sliced(graph), net, values, values[:2], CodeOptions(boards=(CORTEX_M4F,)))
    assert refused.value.reason is Reason.EXPORT_UNSUPPORTED


def test_more_weights_than_any_microcontroller_holds_are_no_c(monkeypatch):
    net, graph, values = exported()
    monkeypatch.setattr(code, "FLASH_LIMIT_BYTES", generate(graph).weight_bytes - 1)
    made = write_code(graph, net, values, values[:2], PLAIN)
    assert made.archive is None and "bytes of flash" in made.obstacle


@needs_compiler
def test_without_a_compiler_there_is_c_and_no_witness(monkeypatch):
    net, graph, values = exported()
    monkeypatch.setenv("PATH", "")
    made = write_code(graph, net, values, values[:2], PLAIN)
    assert made.archive is not None and not made.witnessed


@needs_tools
def test_every_board_that_is_named_is_measured():
    net, graph, values = exported()
    made = write_code(graph, net, values, values[:4], CodeOptions(boards=tuple(BOARDS.values())))
    assert [one.board for one in made.measured] == list(BOARDS)
    assert all((one.windows, one.differing_bytes) == (4, 0) for one in made.measured)


@needs_tools
def test_behind_an_inexact_front_one_window_on_a_board_may_answer_otherwise_and_no_more():
    _, graph, values = exported()
    files, expected = generate(graph).files, run(graph, values[:4])
    near, far = expected.copy(), expected.copy()
    near[1] += 1
    far[1:3] += 1
    for wanted, exact, fits in ((near, False, True), (near, True, False), (far, False, False)):
        if fits:
            assert 0 < code.on_board(files, values[:4], wanted, CORTEX_M4F, exact).differing_bytes <= expected[0].nbytes
        else:
            with pytest.raises(Refused):
                code.on_board(files, values[:4], wanted, CORTEX_M4F, exact)


def test_missing_tools_are_named_with_their_packages(monkeypatch):
    monkeypatch.setenv("PATH", "")
    check_tools((), "export.cores")
    with pytest.raises(Refused) as refused:
        check_tools((CORTEX_M4F,), "export.cores")
    assert refused.value.field == "export.cores" and "qemu-system-arm" in refused.value.message
    assert "gcc-arm-none-eabi" in refused.value.remedy
