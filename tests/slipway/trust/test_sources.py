"""The lines: plain HTTP and gRPC give the same bytes from any offset, and say in the same words what went wrong."""

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import grpc
import pytest

from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused, ServerUnreachable, ask, open_channel, read_stream
from slipway.trust import names
from slipway.trust.http_source import HttpSource
from slipway.trust.pieces import PieceSource
from slipway.trust.source import NotThere, Source
from slipway.v1 import updates_pb2 as pb
from tests.service.trust.door import opened, running
from tests.slipway.trust.shop import ROVER, Device, Shop

SERVICE = "slipway.v1.Updates"


@contextmanager
def over_http(shop: Shop) -> Iterator[Source]:
    with opened(shop.mirror) as (url, _):
        yield HttpSource(url)


@contextmanager
def over_bare_http(shop: Shop) -> Iterator[Source]:
    """A web server that knows no ranges."""
    with opened(shop.mirror, ranges=False) as (url, _):
        yield HttpSource(url)


@contextmanager
def over_grpc(shop: Shop) -> Iterator[Source]:
    """``DownloadTarget`` as it is, and one call that gives a metadata file by its name."""

    def metadata(name: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return b"".join(shop.mirror.read(name.decode(), 0))
        except NotThere:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such file")

    def target(request: pb.DownloadTargetRequest, context: grpc.ServicerContext) -> Iterator[pb.DownloadTargetResponse]:
        if request.sha256 not in shop.blobs:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such target")
        at = request.read_offset
        for data in shop.blob(request.sha256, at):
            yield pb.DownloadTargetResponse(offset=at, data=data)
            at += len(data)

    handlers = {
        "GetFile": grpc.unary_unary_rpc_method_handler(metadata),
        "DownloadTarget": grpc.unary_stream_rpc_method_handler(
            target, pb.DownloadTargetRequest.FromString, pb.DownloadTargetResponse.SerializeToString
        ),
    }
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with open_channel(address) as channel:
        yield _grpc_source(channel, address)
    server.stop(0).wait()


def _grpc_source(channel: grpc.Channel, address: str) -> PieceSource:
    get = channel.unary_unary(f"/{SERVICE}/GetFile")
    download: Any = channel.unary_stream(
        f"/{SERVICE}/DownloadTarget", pb.DownloadTargetRequest.SerializeToString, pb.DownloadTargetResponse.FromString
    )

    def pieces(sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        request = pb.DownloadTargetRequest(sha256=sha256, read_offset=offset)
        return ((piece.offset, piece.data) for piece in read_stream(download, request, address))

    return PieceSource(lambda name: ask(get, name.encode(), address), pieces)


LINES = pytest.mark.parametrize("line", [over_http, over_bare_http, over_grpc], ids=["http", "bare http", "grpc"])
Line = Callable[[Shop], Any]


@LINES
def test_a_device_installs_over_any_line(shop: Shop, device: Device, tmp_path: Path, line: Line) -> None:
    with line(shop) as source:
        view = device.refresh(source=source)
        bundle = view.bundle(f"{ROVER}/2")
        view.fetch(bundle, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == shop.adapted


@LINES
@pytest.mark.parametrize("offset", [0, 1, 999, 43_999])
def test_any_offset(shop: Shop, device: Device, line: Line, offset: int) -> None:
    bundle = device.refresh().bundle(f"{ROVER}/1")
    with line(shop) as source:
        assert b"".join(source.read(names.target_name(bundle.path, bundle.sha256), offset)) == shop.base[offset:]


@LINES
@pytest.mark.parametrize("name", ["metadata/9.root.json", f"targets/models/rover/base/{'0' * 64}.1.slipway"])
def test_what_is_not_there(shop: Shop, line: Line, name: str) -> None:
    with line(shop) as source, pytest.raises(NotThere):
        next(iter(source.read(name, 0)))


def test_a_server_that_went_away(shop: Shop, device: Device) -> None:
    with over_http(shop) as source, over_grpc(shop) as other:
        pass
    for gone in (source, other):
        with pytest.raises(ServerUnreachable):
            device.refresh(source=gone)


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host", "host:80", ""])
def test_only_http_is_http(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        HttpSource(url)
    assert refusal.value.field == "url"


@pytest.mark.parametrize(
    "status, headers, error, words",
    [
        (302, {"Location": "file:///etc/passwd"}, ServerRefused, "302"),
        (302, {"Location": "/metadata/timestamp.json"}, ServerRefused, "302"),
        (401, {}, ServerRefused, "401"),
        (500, {}, ServerUnreachable, "500"),
        (429, {}, ServerUnreachable, "429"),
        (403, {}, NotThere, "x.json"),
        (206, {}, Refused, "206 came"),
        (206, {"Content-Range": "bytes 4-9/10"}, Refused, "bytes 4-9/10 came"),
    ],
)
def test_odd_answers(status: int, headers: dict[str, str], error: type[Exception], words: str) -> None:
    class Odd(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with running(Odd) as url, pytest.raises(error, match=words):
        list(HttpSource(url).read("metadata/x.json", 5))


def test_a_piece_out_of_place_is_refused() -> None:
    source = PieceSource(lambda name: b"", lambda sha256, offset: iter([(offset + 1, b"x")]))
    with pytest.raises(Refused) as refusal:
        list(source.read(names.target_name("models/rover/base/1.slipway", "0" * 64), 5))
    assert refusal.value.reason is Reason.DOWNLOAD_INVALID


def test_a_refusal_of_the_server_stays_its_refusal(device: Device) -> None:
    def metadata(name: str) -> bytes:
        raise ServerRefused("PERMISSION_DENIED", "DEVICE_REVOKED", "no")

    with pytest.raises(ServerRefused) as refusal:
        device.refresh(source=PieceSource(metadata, lambda sha256, offset: iter(())))
    assert refusal.value.reason == "DEVICE_REVOKED"
