"""The generated C gives ONNX Runtime's bytes: of every tensor where the front is exact, behind the entry elsewhere."""

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export import c, integer
from export.calibration import can_copy, quantize
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import ENTERED, int8_onnx
from export.proof import run
from nets.model import Model
from tests.export import test_log_mel as log_mel
from tests.export.c.building import Built, needs_compiler
from tests.export.c.reference import tensors
from tests.export.examples import NETS, change, example, small_models, windows
from tests.export.test_fronts import FRONTS
from tests.export.test_fronts import _model as with_front
from tests.nets.sensors import moving

pytestmark = needs_compiler
FRONT_TOLERANCE = 5e-6  # of a tensor's largest number: what two orders of a sum in float32 may differ by


def exported(made: Model, values: np.ndarray, copies: int = 1) -> tuple[integer.Int8Net, bytes]:
    steps = fold(made)
    net = quantize(steps, values, copies=copies if can_copy(steps) else 1).net
    return net, to_bytes(int8_onnx(net, made.task))


def assert_every_tensor_is_equal(graph: bytes, built: Built, window: np.ndarray) -> None:
    seen = built.trace(window)
    wanted = tensors(graph, window)
    assert seen.keys() == wanted.keys()
    assert [name for name, array in wanted.items() if seen[name] != array.tobytes()] == []


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
@pytest.mark.parametrize("name", NETS)
def test_every_byte_of_every_tensor_is_onnx_runtimes(name, arithmetic, tmp_path):
    made = example(name)
    _, graph = exported(made, windows(made, 64), copies=2)
    built = Built(c.generate(graph, arithmetic=arithmetic).files, tmp_path)
    values = 1.5 * windows(made, 200, seed=2)  # some leave the calibrated ranges
    np.testing.assert_array_equal(built.run(values), run(graph, values))
    for window in values[:3]:
        assert_every_tensor_is_equal(graph, built, window)


@settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
@given(small_models(), st.sampled_from([1, 3]), st.sampled_from(["float", "integer"]), st.booleans())
def test_any_small_net_gives_every_byte(tmp_path_factory, made, copies, arithmetic, simd):
    _, graph = exported(made, windows(made, 16), copies)
    built = Built(c.generate(graph, arithmetic=arithmetic, simd=simd).files, tmp_path_factory.mktemp("net"))
    values = 3 * windows(made, 12, seed=2)
    np.testing.assert_array_equal(built.run(values), run(graph, values))
    assert_every_tensor_is_equal(graph, built, values[0])


def _fronts() -> dict[str, tuple[Model, np.ndarray, np.ndarray]]:
    found = {name: (with_front(layers), moving(60), moving(40, 3)) for name, layers in FRONTS.items()}
    return {**found, "log_mel": (log_mel.MODEL, log_mel._sound(60), log_mel._sound(40, 1))}


@pytest.mark.parametrize("name", [*FRONTS, "log_mel"])
def test_behind_a_front_the_integer_layers_are_exact_and_the_front_is_close(name, tmp_path):
    made, fitting, values = _fronts()[name]
    net, graph = exported(made, fitting, copies=2)
    built = Built(c.generate(graph).files, tmp_path)
    for window in values[:5]:
        seen, wanted = built.trace(window), tensors(graph, window)
        assert seen.keys() == wanted.keys()
        entered = np.frombuffer(seen[ENTERED], np.uint8).reshape(wanted[ENTERED].shape)
        assert np.abs(entered.astype(int) - wanted[ENTERED].astype(int)).max() <= 1
        np.testing.assert_array_equal(built.run(window[None]), integer.after(net, entered))
        for tensor, array in wanted.items():
            if tensor == ENTERED:
                break
            far = np.abs(np.frombuffer(seen[tensor], np.float32) - array.ravel()).max()
            assert far <= FRONT_TOLERANCE * np.abs(array).max(), tensor


@pytest.mark.parametrize("name", ["cnn", "separable", "flat_first"])
def test_a_float_graph_is_close(name, tmp_path):
    made = example(name)
    graph = to_bytes(float_onnx(made))
    values = windows(made, 50)
    found, wanted = Built(c.generate(graph).files, tmp_path).run(values), run(graph, values)
    assert np.abs(found - wanted).max() <= FRONT_TOLERANCE * np.abs(wanted).max()


def test_one_wrong_bit_in_a_weight_is_seen(tmp_path):
    made = example("cnn")
    _, graph = exported(made, windows(made, 64))
    values = windows(made, 50)

    def edit(weights: np.ndarray) -> None:
        weights[0, 0, 0] ^= 1

    wrong = change(onnx.load_from_string(graph), "1.weights", edit)
    assert (Built(c.generate(wrong).files, tmp_path).run(values) != run(graph, values)).any()


def test_equal_graphs_give_equal_files():
    made = example("separable")
    first, second = (c.generate(exported(made, windows(made, 16))[1]).files for _ in range(2))
    assert dict(first) == dict(second)


def test_what_is_said_of_memory_is_what_the_files_hold():
    made = example("cnn")
    found = c.generate(exported(made, windows(made, 16))[1], "ear")
    header = found.files["ear.h"].decode()
    assert set(found.files) == {"ear.h", "ear.c", "ear_weights.c", "ear_adapter.c", "Makefile", "README.txt"}
    assert f"#define EAR_ARENA_BYTES {found.arena_bytes}\n" in header
    assert f"#define EAR_ADAPTER_BYTES {found.adapter_bytes}\n" in header
    assert "malloc" not in found.files["ear.c"].decode()
