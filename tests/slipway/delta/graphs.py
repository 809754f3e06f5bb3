"""Small ONNX graphs and bundles with one thing changed."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from slipway.bundle.archive import pack, read
from slipway.bundle.manifest import file_entry
from tests.slipway.bundle.make_golden import BUNDLE

GOLDEN = BUNDLE.read_bytes()
KINDS = (np.int8, np.uint8, np.int32, np.float32, np.int64)


def graph(arrays: dict[str, np.ndarray], name: str = "net") -> bytes:
    """An ONNX file with these initialisers; its one node reads none of them."""
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["batch", 2]) for end in ("window", "logits")]
    node = helper.make_node("Identity", ["window"], ["logits"])
    tensors = [numpy_helper.from_array(array, key) for key, array in arrays.items()]
    return helper.make_model(helper.make_graph([node], name, ends[:1], ends[1:], tensors)).SerializeToString()


def noise(seed: int, size: int, kind: type = np.float32) -> np.ndarray:
    """Numbers that do not compress."""
    return np.frombuffer(np.random.default_rng(seed).bytes(size * np.dtype(kind).itemsize), kind)


@st.composite
def graph_pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Two graphs with tensors that are the same, changed, renamed, of another type or length, or gone."""
    pair: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = {}, {}
    for index in range(draw(st.integers(0, 4))):
        for arrays in pair:
            size, kind = draw(st.integers(0, 9)), draw(st.sampled_from(KINDS))
            if draw(st.booleans()):
                arrays[f"t{index}"] = noise(draw(st.integers(0, 3)), size, kind)
    return graph(pair[0]), graph(pair[1], draw(st.sampled_from(["net", "another"])))


def with_file(bundle: bytes, name: str, data: bytes) -> bytes:
    """The bundle with other contents in one of its files."""
    found = read(bundle)
    entries = {**found.manifest.files, name: file_entry(found.manifest.files[name].role, data)}
    return pack(replace(found.manifest, files=entries), {**found.files, name: data})


def with_version(bundle: bytes, version: str) -> bytes:
    """The bundle under another version."""
    found = read(bundle)
    return pack(replace(found.manifest, version=version), found.files)
