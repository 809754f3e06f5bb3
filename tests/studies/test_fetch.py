"""A download is kept whole and right, or not at all."""

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from slipway.errors import Reason, Refused
from studies import fetch, rover


@contextmanager
def _serving(body: bytes, status: int = 200, promised: int | None = None) -> Iterator[str]:
    """A real HTTP server on the loopback that answers every path with ``body``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if promised is None else promised))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/data.zip"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _archive(x: np.ndarray, sd: np.ndarray, y: np.ndarray) -> bytes:
    """The published archive, made again from arrays."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in (("sensor_readings_24.data", x), ("sensor_readings_4.data", sd)):
            rows = zip(table, y, strict=True)
            lines = [",".join([*(f"{n:.3f}" for n in row), rover.CLASSES[index]]) for row, index in rows]
            archive.writestr(name, "\r\n".join(lines) + "\r\n")
    return data.getvalue()


def _some(count: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    return draw.uniform(0, 5, (count, 24)), draw.uniform(0, 5, (count, 4)), np.arange(count) % 4


def _refused(to: Path, url: str) -> Refused:
    with pytest.raises(Refused) as refusal:
        fetch.fetch(rover.NAME, to, url, timeout_seconds=5.0)
    assert not list(to.iterdir()), "nothing is kept"
    return refusal.value


def test_a_recording_is_fetched_verified_and_found(tmp_path: Path) -> None:
    if rover.find() is None:
        pytest.skip("no data")
    with np.load(_original()) as original:
        with _serving(_archive(original["x"], original["sd"], original["y"])) as url:
            folder = fetch.fetch(rover.NAME, tmp_path, url)
        assert folder == tmp_path / rover.NAME and [file.name for file in folder.iterdir()] == ["wall_following.npz"]
        with np.load(folder / "wall_following.npz") as found:
            assert set(found) == set(original)
            assert all(np.array_equal(found[name], original[name]) for name in original)
            assert all(found[name].dtype == original[name].dtype for name in original)
    assert rover.find(tmp_path) is not None


def _original() -> Path:
    import os

    return Path(os.environ["SLIPWAY_DATA"]) / rover.NAME / f"{rover.NAME}.npz"


def test_other_numbers_are_refused(tmp_path: Path) -> None:
    with _serving(_archive(*_some())) as url:
        assert _refused(tmp_path, url).reason is Reason.RECORDING_DIFFERS


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>not found</html>", _archive(*_some())[:200]],
    ids=["empty", "a web page", "half an archive"],
)
def test_what_is_no_archive_is_refused(body: bytes, tmp_path: Path) -> None:
    with _serving(body) as url:
        assert _refused(tmp_path, url).reason is Reason.DOWNLOAD_FAILED


def test_a_table_of_another_form_is_refused(tmp_path: Path) -> None:
    x, sd, y = _some()
    x[3, 3] = np.nan
    for bad in (_archive(x, sd, y), _archive(x[:, :23], sd, y)):
        with _serving(bad) as url:
            assert _refused(tmp_path, url).reason is Reason.DOWNLOAD_FAILED


def test_a_server_that_fails_or_stops_half_way_is_refused(tmp_path: Path) -> None:
    whole = _archive(*_some())
    with _serving(b"", status=503) as url:
        assert _refused(tmp_path, url).reason is Reason.DOWNLOAD_FAILED
    with _serving(whole[:100], promised=len(whole)) as url:
        assert _refused(tmp_path, url).reason is Reason.DOWNLOAD_FAILED


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "DOWNLOAD_LIMIT_BYTES", 1000)
    with _serving(_archive(*_some())) as url:
        assert _refused(tmp_path, url).reason is Reason.LIMIT_EXCEEDED


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MEMBER_LIMIT_BYTES", 1000)
    with _serving(_archive(*_some())) as url:
        assert _refused(tmp_path, url).reason is Reason.LIMIT_EXCEEDED


def test_only_http_is_fetched(tmp_path: Path) -> None:
    assert _refused(tmp_path, "file:///etc/hostname").reason is Reason.DOWNLOAD_FAILED


def test_an_unknown_name_is_refused_and_the_known_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="wall_following"):
        fetch.fetch("moon_landing", tmp_path)
