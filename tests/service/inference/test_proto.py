"""The protocol's file: documented to the last field, its stubs fresh, its numbers those of the public protocol."""

import filecmp
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from service.inference.stubs import grpc_service_pb2 as pb
from tests.proto.test_proto import uncommented

ROOT = Path(__file__).parents[3]
PLACE = "service/inference/stubs"
SOURCE = ROOT / "proto" / "inference"
PUBLIC = """
import json
from tritonclient.grpc import model_config_pb2, service_pb2
found = {}
def note(message):
    found[message.full_name] = {f.name: [f.number, f.type, f.is_repeated] for f in message.fields}
    for nested in message.nested_types: note(nested)
for file in (service_pb2, model_config_pb2):
    for message in file.DESCRIPTOR.message_types_by_name.values(): note(message)
enums = {e.name: dict(e.values_by_name.items()) for e in model_config_pb2.DESCRIPTOR.enum_types_by_name.values()}
found["DataType"] = {name: value.number for name, value in enums["DataType"].items()}
service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
found["methods"] = {m.name: [m.input_type.name, m.output_type.name] for m in service.methods}
print(json.dumps(found))
"""


def protoc(*options: str) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PLACE}={SOURCE}", *options]
    subprocess.run([*command, str(SOURCE / "grpc_service.proto")], check=True, cwd=ROOT)


def test_the_stubs_are_what_the_file_generates(tmp_path: Path) -> None:
    protoc(f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", f"--grpc_python_out={tmp_path}")
    names = [path.name for path in (tmp_path / PLACE).iterdir()]
    assert len(names) == 3
    _, different, absent = filecmp.cmpfiles(tmp_path / PLACE, ROOT / PLACE, names, shallow=False)
    assert (different, absent) == ([], [])


def test_every_element_has_a_comment(tmp_path: Path) -> None:
    protoc(f"--descriptor_set_out={tmp_path / 'all.bin'}", "--include_source_info")
    files: list[FileDescriptorProto] = list(FileDescriptorSet.FromString((tmp_path / "all.bin").read_bytes()).file)
    assert [uncommented(file) for file in files] == [[]]


@pytest.mark.skipif(importlib.util.find_spec("tritonclient") is None, reason="not installed: tritonclient")
def test_names_numbers_and_types_are_those_of_the_public_protocol() -> None:
    """Both define the same messages, so the other's are read in a process of its own."""
    done = subprocess.run([sys.executable, "-c", PUBLIC], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    public: dict[str, Any] = json.loads(done.stdout)
    ours: dict[str, Any] = {}

    def note(message: Any) -> None:
        ours[message.full_name] = {each.name: [each.number, each.type, each.is_repeated] for each in message.fields}
        for nested in message.nested_types:
            note(nested)

    for message in pb.DESCRIPTOR.message_types_by_name.values():
        note(message)
    assert len(ours) > 30
    for name, fields in ours.items():
        assert fields.items() <= public[name].items(), name
    methods = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    assert {each.name: [each.input_type.name, each.output_type.name] for each in methods}.items() <= public[
        "methods"
    ].items()
    assert dict(pb.DataType.items()) == public["DataType"]
