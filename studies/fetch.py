"""Recordings from their public sources, verified number by number before anything is kept."""

import io
import os
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np

from slipway.errors import Reason, Refused
from studies import rover

TIMEOUT_SECONDS = 20.0
DOWNLOAD_LIMIT_BYTES = 16 << 20
MEMBER_LIMIT_BYTES = 32 << 20
CHUNK_BYTES = 1 << 16

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Source:
    """Where a recording comes from.

    Args:
        url: of its archive, at its publisher.
        licence: SPDX identifier.
        read: archive → arrays, refused unless they are the published ones.
    """

    url: str
    licence: str
    read: Callable[[bytes], Arrays]


def _read_rover(archive: bytes) -> Arrays:
    """Parse the members ``sensor_readings_24.data`` and ``sensor_readings_4.data`` as published."""
    field = "wall_following"
    rows = _table(_member(archive, "sensor_readings_24.data", field), 24, field)
    distances = _table(_member(archive, "sensor_readings_4.data", field), 4, field)
    index = {name: number for number, name in enumerate(rover.CLASSES)}
    x = np.array([row[:-1] for row in rows], np.float32)
    y = np.array([index.get(row[-1], -1) for row in rows], np.int8)
    rover.check(x, y)
    sd = np.array([row[:-1] for row in distances], np.float32)
    names = {"class_names": np.array(rover.CLASSES), "sd_names": np.array(["front", "left", "right", "back"])}
    return {"x": x, "sd": sd, "y": y, **names}


SOURCES: dict[str, Source] = {
    rover.NAME: Source(
        "https://archive.ics.uci.edu/static/public/194/wall+following+robot+navigation+data.zip",
        "CC-BY-4.0",
        _read_rover,
    )
}


def fetch(name: str, to: Path, url: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> Path:
    """Download a recording and put it into ``to/NAME/NAME.npz``; nothing is written unless every number is right.

    Args:
        name: a row of ``SOURCES``.
        to: folder of recordings.
        url: another place of the same archive.
        timeout_seconds: of every single wait for the server.

    Returns:
        The recording's folder.

    Raises:
        Refused: FIELD_INVALID (unknown name), DOWNLOAD_FAILED, LIMIT_EXCEEDED, RECORDING_DIFFERS.
    """
    if name not in SOURCES:
        remedy = f"Use one of {', '.join(SOURCES)}."
        problem = "is no recording that can be fetched"
        raise Refused(Reason.FIELD_INVALID, field="name", problem=problem, found=name, remedy=remedy)
    source = SOURCES[name]
    arrays = source.read(_download(name, url or source.url, timeout_seconds))
    folder = to / name
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{name}.npz", arrays)
    return folder


def _download(name: str, url: str, timeout_seconds: float) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise Refused(Reason.DOWNLOAD_FAILED, field="url", name=url, problem="it is not an http address")
    data = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds) as answer:
            while chunk := answer.read(CHUNK_BYTES):
                data += chunk
                if len(data) > DOWNLOAD_LIMIT_BYTES:
                    raise Refused(
                        Reason.LIMIT_EXCEEDED, field=name, found=f"{len(data)} bytes", limit=DOWNLOAD_LIMIT_BYTES
                    )
            promised = answer.headers.get("Content-Length")
    except (OSError, HTTPException) as failure:
        raise Refused(Reason.DOWNLOAD_FAILED, field="url", name=url, problem=failure) from failure
    if promised is not None and int(promised) != len(data):
        problem = f"{len(data)} of {promised} bytes came"
        raise Refused(Reason.DOWNLOAD_FAILED, field="url", name=url, problem=problem)
    return bytes(data)


def _member(archive: bytes, member: str, field: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as found:
            size = found.getinfo(member).file_size
            if size > MEMBER_LIMIT_BYTES:
                raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=f"{size} bytes", limit=MEMBER_LIMIT_BYTES)
            with found.open(member) as stream:
                return stream.read(MEMBER_LIMIT_BYTES).decode()
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as failure:
        raise Refused(Reason.DOWNLOAD_FAILED, field=field, name=member, problem=failure) from failure


def _table(text: str, number_count: int, field: str) -> list[list[str]]:
    """Comma-separated rows of ``number_count`` numbers and a word."""
    rows = [line.strip().split(",") for line in text.splitlines() if line.strip()]
    for number, row in enumerate(rows):
        if len(row) != number_count + 1 or not all(_is_number(cell) for cell in row[:-1]):
            problem = f"row {number} is not {number_count} numbers and a word"
            raise Refused(Reason.DOWNLOAD_FAILED, field=field, name="the table", problem=problem)
    return rows


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _write(file: Path, arrays: Arrays) -> None:
    """All or nothing: a reader never finds half a file."""
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
        np.savez_compressed(part, allow_pickle=False, **arrays)
    os.replace(part.name, file)
