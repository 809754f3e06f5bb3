"""The API files: documented to the last field, and generated code that is what they say."""

import shutil
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tests.proto.freshness import ROOT, protoc, stale_stubs

PROTOS = ROOT / "proto"


def descriptors(protos: Path, folder: Path) -> list[FileDescriptorProto]:
    target = folder / "all.bin"
    protoc(protos, f"--descriptor_set_out={target}", "--include_source_info")
    return list(FileDescriptorSet.FromString(target.read_bytes()).file)


def is_element(path: tuple[int, ...]) -> bool:
    """Messages, enums, services, and whatever they hold: fields, nested types, oneofs, values, methods."""
    holders = {4: {2, 3, 4, 8}, 5: {2}, 6: {2}, 3: {2, 3, 4, 8}}
    if len(path) == 2:
        return path[0] in (4, 5, 6)
    if len(path) == 4:
        return path[0] in (4, 5, 6) and path[2] in holders[path[0]]
    return len(path) == 6 and path[0] == 4 and path[2] == 4 and path[4] == 2


def uncommented(file: FileDescriptorProto) -> list[tuple[int, ...]]:
    return [
        tuple(location.path)
        for location in file.source_code_info.location
        if is_element(tuple(location.path)) and not location.leading_comments.strip()
    ]


def test_every_element_has_a_comment(tmp_path: Path) -> None:
    for file in descriptors(PROTOS, tmp_path):
        assert uncommented(file) == [], file.name


def test_a_field_without_a_comment_is_found(tmp_path: Path) -> None:
    planted = tmp_path / "slipway" / "v1" / "planted.proto"
    planted.parent.mkdir(parents=True)
    planted.write_text('syntax = "proto3";\npackage slipway.v1;\n// M.\nmessage M {\n  int32 bare = 1;\n}\n')
    (file,) = descriptors(tmp_path, tmp_path)
    assert uncommented(file) == [(4, 0, 2, 0)]


def test_committed_stubs_are_fresh() -> None:
    assert stale_stubs(PROTOS, ROOT / "slipway" / "v1") == []


@pytest.mark.parametrize("fault", ["edited", "missing", "left over"])
def test_stale_stubs_are_found(tmp_path: Path, fault: str) -> None:
    stubs = shutil.copytree(ROOT / "slipway" / "v1", tmp_path / "v1")
    match fault:
        case "edited":
            name = "jobs_pb2.pyi"
            (stubs / name).write_text((stubs / name).read_text() + "\n")
        case "missing":
            name = "models_pb2_grpc.py"
            (stubs / name).unlink()
        case _:
            name = "gone_pb2.py"
            (stubs / name).write_text("")
    assert stale_stubs(PROTOS, stubs) == [name]
