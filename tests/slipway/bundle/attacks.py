"""Bundles that must be refused, each with its reason. They are written with ``zipfile``, not with our own encoder.

Every attack starts from the golden bundle and does one thing wrong, with sizes and hashes that are right otherwise.
"""

import hashlib
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from slipway.bundle.archive import BUNDLE_LIMIT_BYTES, MANIFEST_NAME
from slipway.bundle.manifest import FILE_LIMIT, LINEAGE_LIMIT, MANIFEST_LIMIT_BYTES, PROOF_LIMIT
from slipway.errors import Reason
from tests.slipway.bundle.make_golden import BUNDLE, FOLDER, parts

MALFORMED = Reason.BUNDLE_MALFORMED
GOLDEN = BUNDLE.read_bytes()
MANIFEST: dict[str, Any] = json.loads((FOLDER / MANIFEST_NAME).read_bytes())
FILES = parts()
Entries = Iterable[tuple[str, bytes]]


def info(name: str) -> zipfile.ZipInfo:
    """An entry as the format wants it."""
    found = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    found.create_system, found.external_attr = 3, 0o100644 << 16
    return found


def archive(entries: Entries, edit: Callable[[zipfile.ZipInfo], None] = lambda _: None, comment: bytes = b"") -> bytes:
    """A ZIP of ``entries`` as they are; ``edit`` may spoil each entry's header."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as file:
        warnings.simplefilter("ignore")  # zipfile warns of duplicates
        for name, data in entries:
            entry = info(name)
            edit(entry)
            file.writestr(entry, data)
        file.comment = comment
    return buffer.getvalue()


def dump(manifest: object) -> bytes:
    """JSON as the format wants it, though with whatever values."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()


def bundle(manifest: object = MANIFEST, files: dict[str, bytes] = FILES, **options: Any) -> bytes:
    """A bundle of these parts, in order."""
    text = manifest if isinstance(manifest, bytes) else dump(manifest)
    return archive([(MANIFEST_NAME, text), *sorted(files.items())], **options)


def with_manifest(**changes: Any) -> bytes:
    """The golden bundle with other values at the top of the manifest."""
    return bundle({**MANIFEST, **changes})


def with_file(name: str, data: bytes, role: str | None = None) -> bytes:
    """The golden bundle with one file exchanged or added, described truly."""
    before = MANIFEST["files"].get(name, {"role": role})
    row = {"role": role or before["role"], "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return bundle({**MANIFEST, "files": {**MANIFEST["files"], name: row}}, {**FILES, name: data})


def with_row(**changes: Any) -> bytes:
    """The golden bundle with a wrong row for its graph."""
    row = {**MANIFEST["files"]["graph.onnx"], **changes}
    return with_manifest(files={**MANIFEST["files"], "graph.onnx": row})


def renamed(name: str) -> bytes:
    """The golden bundle with its graph under another name, in the manifest too."""
    rows, files = dict(MANIFEST["files"]), dict(FILES)
    rows[name], files[name] = rows.pop("graph.onnx"), files.pop("graph.onnx")
    return bundle({**MANIFEST, "files": rows}, files)


def text(before: str, after: str) -> bytes:
    """The golden bundle with other text in its manifest."""
    found = dump(MANIFEST).decode()
    assert before in found
    return bundle(found.replace(before, after, 1).encode())


def npy(array: np.ndarray) -> bytes:
    """Any NPY file as the self-test's inputs."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return with_file("self_test_inputs.npy", buffer.getvalue())


def npy_header(header: str, version: bytes = b"\x01\x00") -> bytes:
    """An NPY file with a header of one's own."""
    size = "<H" if version == b"\x01\x00" else "<I"
    data = b"\x93NUMPY" + version + struct.pack(size, len(header)) + header.encode() + b"\0" * 256
    return with_file("self_test_inputs.npy", data)


def shaped(shape: str, dtype: str = "<f4") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"


def graph(edit: Callable[[onnx.ModelProto], object]) -> bytes:
    """The golden bundle with an edited graph."""
    model = onnx.ModelProto.FromString(FILES["graph.onnx"])
    edit(model)
    return with_file("graph.onnx", model.SerializeToString())


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def _external_in_attribute(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[1])
    tensor.external_data.add(key="location", value="secret")
    model.graph.node.append(helper.make_node("Constant", [], ["x"], value=tensor))


def _subgraph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=inner, else_branch=inner))


def _sparse(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, np.int64)), [4])
    )


def _custom(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"


def _custom_opset(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("", "f", [], [], [], [helper.make_opsetid("", 21)]))


def _symlink(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = 0o120777 << 16


def _executable(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = 0o100755 << 16


def _deflated(entry: zipfile.ZipInfo) -> None:
    entry.compress_type = zipfile.ZIP_DEFLATED


def _extra(entry: zipfile.ZipInfo) -> None:
    entry.extra = b"\x01\x99\x00\x00"


def _dated(entry: zipfile.ZipInfo) -> None:
    entry.date_time = (2024, 2, 29, 1, 2, 4)


def _commented(entry: zipfile.ZipInfo) -> None:
    entry.comment = b"hello"


def _backwards(manifest: dict[str, Any]) -> bytes:
    return json.dumps(dict(sorted(manifest.items(), reverse=True)), separators=(",", ":")).encode()


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in MANIFEST.items() if key != name}


def _whole() -> list[tuple[str, bytes]]:
    return [(MANIFEST_NAME, dump(MANIFEST)), *sorted(FILES.items())]


_LONG = "x" * 600
_ROW = MANIFEST["files"]["graph.onnx"]
_PROOF = MANIFEST["proofs"][0]
_TASK = MANIFEST["task"]

# name → (bytes, reason)
ATTACKS: dict[str, tuple[bytes, Reason]] = {
    "nothing": (b"", MALFORMED),
    "not a zip": (b"MZ" + bytes(5000), MALFORMED),
    "an empty zip": (archive([]), MALFORMED),
    "truncated": (GOLDEN[:-1], MALFORMED),
    "truncated in a file": (GOLDEN[:2000], MALFORMED),
    "trailing bytes": (GOLDEN + b"\0", MALFORMED),
    "leading bytes": (b"\0" + GOLDEN, MALFORMED),
    "two bundles in a row": (GOLDEN + GOLDEN, MALFORMED),
    "over the size limit": (bytes(BUNDLE_LIMIT_BYTES + 1), Reason.LIMIT_EXCEEDED),
    "a comment on the archive": (bundle(comment=b"hi"), MALFORMED),
    "a comment on entries": (bundle(edit=_commented), MALFORMED),
    "a symbolic link": (bundle(edit=_symlink), MALFORMED),
    "an executable": (bundle(edit=_executable), MALFORMED),
    "deflated": (bundle(edit=_deflated), MALFORMED),
    "a bomb": (bundle(files={**FILES, "bomb": bytes(1 << 24)}, edit=_deflated), MALFORMED),
    "an extra field": (bundle(edit=_extra), MALFORMED),
    "another date": (bundle(edit=_dated), MALFORMED),
    "a missing file": (
        bundle(files={name: FILES[name] for name in FILES if name != "graph.onnx"}),
        Reason.BUNDLE_FILE_MISSING,
    ),
    "an extra file": (bundle(files={**FILES, "more.bin": b"hello"}), Reason.BUNDLE_FILE_UNEXPECTED),
    "too many files": (bundle(files={**FILES, **{f"f{i}": b"" for i in range(FILE_LIMIT)}}), Reason.LIMIT_EXCEEDED),
    "too many rows": (
        with_manifest(files={**MANIFEST["files"], **{f"f{i}": {**_ROW, "role": "extra"} for i in range(FILE_LIMIT)}}),
        Reason.LIMIT_EXCEEDED,
    ),
    "an entry twice": (archive([*_whole(), ("self_test_outputs.npy", FILES["self_test_outputs.npy"])]), MALFORMED),
    "the manifest twice": (archive([*_whole(), (MANIFEST_NAME, dump(MANIFEST))]), MALFORMED),
    "no manifest": (archive(sorted(FILES.items())), MALFORMED),
    "the manifest last": (archive(_whole()[1:] + _whole()[:1]), MALFORMED),
    "files out of order": (archive(_whole()[:1] + _whole()[:0:-1]), MALFORMED),
    "the manifest as its own file": (renamed(MANIFEST_NAME), MALFORMED),
    "a path that climbs out": (renamed("../graph.onnx"), MALFORMED),
    "an absolute path": (renamed("/graph.onnx"), MALFORMED),
    "a Windows path": (renamed("c:\\graph.onnx"), MALFORMED),
    "a folder": (renamed("a/graph.onnx"), MALFORMED),
    "a hidden file": (renamed(".graph"), MALFORMED),
    "two dots": (renamed("graph..onnx"), MALFORMED),
    "upper case": (renamed("Graph.onnx"), MALFORMED),
    "a name with a line end": (renamed("graph.onnx\n"), MALFORMED),
    "a name in another script": (renamed("grаph.onnx"), MALFORMED),
    "a long name": (renamed("g" * 65), MALFORMED),
    "a wrong size": (with_row(size_bytes=_ROW["size_bytes"] + 1), MALFORMED),
    "a negative size": (with_row(size_bytes=-1), MALFORMED),
    "a size that is a fraction": (with_row(size_bytes=float(_ROW["size_bytes"])), MALFORMED),
    "a wrong hash": (with_row(sha256="0" * 64), Reason.BUNDLE_HASH_MISMATCH),
    "an upper-case hash": (with_row(sha256=_ROW["sha256"].upper()), MALFORMED),
    "an unknown role": (with_row(role="firmware"), MALFORMED),
    "no graph": (with_row(role="extra"), MALFORMED),
    "a crowd of empty nodes": (
        with_file("graph.onnx", FILES["graph.onnx"] + 1100 * (b"\x3a\xc8\x01" + 100 * b"\x0a\x00")),
        Reason.LIMIT_EXCEEDED,
    ),
    "two graphs": (with_file("second.onnx", FILES["graph.onnx"], "graph"), MALFORMED),
    "a manifest over its limit": (bundle(b" " * (MANIFEST_LIMIT_BYTES + 1)), Reason.LIMIT_EXCEEDED),
    "no JSON": (bundle(b"hello"), MALFORMED),
    "JSON that is no object": (bundle(b"[]"), MALFORMED),
    "JSON with a byte order mark": (bundle(b"\xef\xbb\xbf" + dump(MANIFEST)), MALFORMED),
    "JSON in UTF-8": (text('"jobs/1"', '"jöbs/1"'), MALFORMED),
    "JSON with spaces": (text('"format":1', '"format": 1'), MALFORMED),
    "JSON out of order": (bundle(_backwards(MANIFEST)), MALFORMED),
    "JSON with a line end": (bundle(dump(MANIFEST) + b"\n"), MALFORMED),
    "JSON with a key twice": (text('"format":1', '"format":1,"format":1'), MALFORMED),
    "JSON nested too deep": (bundle(b"[" * 60_000), MALFORMED),
    "a number with 5000 digits": (text('"seed":0', f'"seed":1{"0" * 5000}'), MALFORMED),
    "NaN": (text('"seed":0', '"seed":NaN'), MALFORMED),
    "infinity": (text('"seed":0', '"seed":Infinity'), MALFORMED),
    "a number beyond floats": (text('"seed":0', '"seed":1e999'), MALFORMED),
    "an unknown key": (with_manifest(note="hello"), MALFORMED),
    "an unknown key in a row": (with_row(note="hello"), MALFORMED),
    "a missing key": (bundle(_without("lineage")), MALFORMED),
    "another format": (with_manifest(format=2), MALFORMED),
    "a format that is true": (with_manifest(format=True), MALFORMED),
    "a model name that climbs": (with_manifest(model="../rover"), Reason.SPEC_INVALID),
    "a version with a folder": (with_manifest(version="1/2"), MALFORMED),
    "a version that is a number": (with_manifest(version=1), MALFORMED),
    "an unknown precision": (with_manifest(precision="int4"), MALFORMED),
    "a time without a zone": (with_manifest(created="2030-01-31T12:00:00"), MALFORMED),
    "a lineage that nests": (with_manifest(lineage={"a": {"b": 1}}), MALFORMED),
    "a lineage with too many rows": (
        with_manifest(lineage={f"k{i}": i for i in range(LINEAGE_LIMIT + 1)}),
        Reason.LIMIT_EXCEEDED,
    ),
    "a long text": (with_manifest(lineage={"a": _LONG}), Reason.LIMIT_EXCEEDED),
    "a long key": (with_manifest(lineage={_LONG: 1}), MALFORMED),
    "too many proofs": (with_manifest(proofs=[_PROOF] * (PROOF_LIMIT + 1)), Reason.LIMIT_EXCEEDED),
    "a proof of nothing": (with_manifest(proofs=[{**_PROOF, "samples": 0}]), MALFORMED),
    "proofs that are no list": (with_manifest(proofs={}), MALFORMED),
    "a negative tolerance": (with_manifest(self_test={"tolerance": -1}), MALFORMED),
    "a tolerance that is a text": (with_manifest(self_test={"tolerance": "1"}), MALFORMED),
    "a task without classes": (with_manifest(task={**_TASK, "classes": []}), Reason.SPEC_INVALID),
    "a task with an absurd rate": (
        with_manifest(task={**_TASK, "sensor": {**_TASK["sensor"], "rate_hz": 10**400}}),
        Reason.SPEC_INVALID,
    ),
    "a task for another window": (
        with_manifest(task={**_TASK, "sensor": {**_TASK["sensor"], "window_length": 9}}),
        MALFORMED,
    ),
    "samples that are no NPY": (with_file("self_test_inputs.npy", b"hello"), MALFORMED),
    "samples with pickles": (npy(np.array([{}, []], dtype=object)), MALFORMED),
    "samples with a huge header": (npy_header(shaped("(4, 8, 2)") + " " * 60_000), MALFORMED),
    "samples with a header of code": (npy_header("__import__('os').system('true')"), MALFORMED),
    "samples with a huge shape": (npy_header(shaped("(4, 9999999999999, 2)")), MALFORMED),
    "samples with a huge count": (npy_header(shaped("(999999999999999999999, 8, 2)")), MALFORMED),
    "samples with a negative count": (npy_header(shaped("(-4, 8, 2)")), MALFORMED),
    "samples with a true count": (npy_header(shaped("(True, 8, 2)")), MALFORMED),
    "samples in NPY 2": (npy_header(shaped("(4, 8, 2)"), b"\x02\x00"), MALFORMED),
    "samples in float64": (npy(np.zeros((4, 8, 2))), MALFORMED),
    "samples in big endian": (npy(np.zeros((4, 8, 2), ">f4")), MALFORMED),
    "samples in columns": (npy(np.zeros((4, 8, 2), "<f4", order="F")), MALFORMED),
    "samples of another shape": (npy(np.zeros((4, 2, 8), "<f4")), MALFORMED),
    "samples with one number more": (
        with_file("self_test_inputs.npy", FILES["self_test_inputs.npy"] + bytes(4)),
        MALFORMED,
    ),
    "samples that are not finite": (npy(np.full((4, 8, 2), np.nan, "<f4")), MALFORMED),
    "no samples": (npy(np.zeros((0, 8, 2), "<f4")), MALFORMED),
    "too many samples": (npy(np.zeros((257, 8, 2), "<f4")), MALFORMED),
    "fewer samples than outputs": (npy(np.zeros((3, 8, 2), "<f4")), MALFORMED),
    "a graph that is no ONNX": (with_file("graph.onnx", b"\xff" * 100), MALFORMED),
    "a graph cut short": (with_file("graph.onnx", FILES["graph.onnx"][:-50]), MALFORMED),
    "a graph with external data": (graph(_external), MALFORMED),
    "a constant with external data": (graph(_external_in_attribute), MALFORMED),
    "a graph with control flow": (graph(_subgraph), MALFORMED),
    "a graph with sparse tensors": (graph(_sparse), MALFORMED),
    "a graph with a custom operator": (graph(_custom), MALFORMED),
    "a graph with a custom operator set": (graph(_custom_opset), MALFORMED),
    "a graph with functions": (graph(_function), MALFORMED),
}
