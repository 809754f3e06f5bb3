"""Server reflection in version 1, which current clients ask for first, and in v1alpha, which older ones ask for.

The two are the same on the wire; the package at hand ships v1alpha only, so v1 gets a copy of its descriptors.
"""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2

OLD, NEW = "grpc.reflection.v1alpha", "grpc.reflection.v1"
V1_NAME = f"{NEW}.ServerReflection"


def add_reflection(server: grpc.aio.Server, service_names: Sequence[str]) -> None:
    """Let clients ask ``server`` what it serves."""
    _describe_v1()
    names = [*service_names, V1_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
    answer = reflection.aio.ReflectionServicer(names).ServerReflectionInfo
    handler: Any = grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(V1_NAME, {"ServerReflectionInfo": handler}),))


def _describe_v1() -> None:
    """Enter the v1 descriptors into the pool that reflection answers from."""
    pool = descriptor_pool.Default()
    name = "grpc/reflection/v1/reflection.proto"
    try:
        pool.FindFileByName(name)
    except KeyError:
        old = descriptor_pb2.FileDescriptorProto()
        reflection_pb2.DESCRIPTOR.CopyToProto(old)
        renamed = _renamed(old)
        renamed.name = name
        pool.Add(renamed)


def _renamed(file: descriptor_pb2.FileDescriptorProto) -> descriptor_pb2.FileDescriptorProto:
    file.package = NEW
    for message in file.message_type:
        for field in (field for field in message.field if field.type_name):
            field.type_name = field.type_name.replace(OLD, NEW)
    for method in (method for service in file.service for method in service.method):
        method.input_type = method.input_type.replace(OLD, NEW)
        method.output_type = method.output_type.replace(OLD, NEW)
    return file
