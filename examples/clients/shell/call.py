"""Any call to any gRPC server that answers reflection, with JSON in and out: the part of grpcurl that walk.sh needs.

    call.py [-plaintext] [-cacert FILE -cert FILE -key FILE] [-d JSON] HOST:PORT list
    call.py … HOST:PORT list SERVICE
    call.py … HOST:PORT SERVICE/METHOD

``-d @`` reads messages from the standard input, one JSON object after the other. Needs grpcio and grpcio-reflection.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

DEADLINE_S = 120.0


def main() -> int:
    """Make the call; return 0, or 1 where it was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-plaintext", action="store_true")
    parser.add_argument("-cacert", type=Path)
    parser.add_argument("-cert", type=Path)
    parser.add_argument("-key", type=Path)
    parser.add_argument("-d", dest="data", default="")
    parser.add_argument("server")
    parser.add_argument("what", nargs="+")
    options = parser.parse_args()
    try:
        with connect(options) as channel:
            for line in answers(channel, options.what, options.data):
                print(line)
    except grpc.RpcError as error:
        print("ERROR:", refusal(error), file=sys.stderr)
        return 1
    return 0


def connect(options: argparse.Namespace) -> grpc.Channel:
    """Plain text, or TLS."""
    if options.plaintext:
        return grpc.insecure_channel(options.server)
    files = [path.read_bytes() if path else None for path in (options.cacert, options.key, options.cert)]
    return grpc.secure_channel(options.server, grpc.ssl_channel_credentials(*files))


def answers(channel: grpc.Channel, what: list[str], data: str) -> Iterator[str]:
    """Names of services or of methods, or the answers of a call as JSON."""
    database = ProtoReflectionDescriptorDatabase(channel)  # asks the server for each message when it is needed first
    if what == ["list"]:
        yield from sorted(database.get_services())
        return
    pool = DescriptorPool(database)
    service, _, method = what[-1].partition("/")
    found = pool.FindServiceByName(service)
    if what[0] == "list":
        yield from (each.full_name for each in found.methods)
        return
    for answer in call(channel, found.methods_by_name[method], data, pool):
        yield json_format.MessageToJson(answer, descriptor_pool=pool)


def call(channel: grpc.Channel, method: Any, data: str, pool: DescriptorPool) -> Iterator[Any]:
    """The messages that a method of any kind answers with."""
    kinds = {False: "unary", True: "stream"}
    make = getattr(channel, f"{kinds[method.client_streaming]}_{kinds[method.server_streaming]}")
    request_class, answer_class = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    ask = make(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=request_class.SerializeToString,
        response_deserializer=answer_class.FromString,
    )
    text = sys.stdin.read() if data == "@" else data or "{}"
    requests = (json_format.ParseDict(each, request_class(), descriptor_pool=pool) for each in objects(text))
    answer = ask(requests if method.client_streaming else next(requests), timeout=DEADLINE_S)
    return iter(answer if method.server_streaming else [answer])


def objects(text: str) -> Iterator[Any]:
    """JSON values that stand one after the other."""
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()


def refusal(error: grpc.RpcError) -> str:
    """The status's code and words, and its ErrorInfo, which travels in the trailing metadata."""
    words = f"{error.code().name}: {error.details()}"
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    info = error_details_pb2.ErrorInfo()
    for each in status_pb2.Status.FromString(details).details if details else ():
        if each.Unpack(info):
            words += f"\n{json_format.MessageToJson(info)}"
    return words


if __name__ == "__main__":
    sys.exit(main())
