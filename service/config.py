"""Every setting of the server, in one record: from arguments, else from the environment, else a default."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

PREFIX = "SLIPWAY_SERVER_"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a server and its workers need to know. Add a setting by adding a field."""

    data_folder: Annotated[Path, "folder that holds everything the server keeps"] = Path("slipway-data")
    address: Annotated[str, "host:port to listen on; port 0 lets the system choose"] = "127.0.0.1:8471"
    tls: Annotated[str, "auto: clients need certificates except on loopback; always; or never"] = "auto"
    tls_names: Annotated[str, "more names by which clients reach the server, with commas between"] = ""
    tls_certificate: Annotated[str, "PEM file: the server's certificate and its chain, of a CA of yours"] = ""
    tls_key: Annotated[str, "PEM file: the key to it"] = ""
    tls_client_ca: Annotated[str, "PEM file: the CA of the clients' certificates"] = ""
    enrolment_address: Annotated[str, "host:port for who has no certificate yet; empty: the next port"] = ""
    handshake_seconds: Annotated[float, "how long a connection may take to begin"] = 10.0
    silence_seconds: Annotated[float, "how long the next message of an upload may take"] = 120.0
    database_url: Annotated[str, "SQLAlchemy URL of the catalogue; empty: SQLite in the data folder"] = ""
    blob_url: Annotated[str, "obstore URL of the blobs, e.g. s3://bucket/prefix; empty: in the data folder"] = ""
    worker_count: Annotated[int, "worker processes"] = 1
    worlds: Annotated[str, "worlds of your own, as module:NAME with commas between; the workers import them"] = ""
    attempt_limit: Annotated[int, "workers that a job may lose before it fails"] = 3
    lease_seconds: Annotated[float, "a job whose worker is silent for so long is given to another one"] = 15.0
    heartbeat_seconds: Annotated[float, "how often a worker says that it is alive"] = 2.0
    poll_seconds: Annotated[float, "how often the server looks for changes and an idle worker for jobs"] = 0.2
    loop_seconds: Annotated[float, "how often policies and rollouts are looked after"] = 2.0
    upload_window_limit: Annotated[int, "windows in one upload"] = 10_000_000
    upload_size_limit_bytes: Annotated[int, "bytes in one upload"] = 16 << 30
    open_upload_limit: Annotated[int, "uploads that may be under way at the same time"] = 64
    upload_ttl_seconds: Annotated[float, "an upload untouched for so long is forgotten"] = 86_400.0
    message_limit_bytes: Annotated[int, "size of one gRPC message"] = 4 << 20
    chunk_size_bytes: Annotated[int, "size of one piece of a download"] = 256 << 10
    inference_batch_limit: Annotated[int, "windows in one request for inference, and in one run of a graph"] = 64
    inference_delay_seconds: Annotated[float, "how long a request for inference may wait for others"] = 0.004
    inference_queue_limit: Annotated[int, "windows that may wait for one version; more are refused"] = 1024
    inference_memory_limit_bytes: Annotated[int, "memory for versions that answer"] = 512 << 20
    call_limit: Annotated[int, "calls in flight at the same time, idle watches included"] = 20_000
    trust_snapshot_key: Annotated[str, "address of the key that signs snapshots; empty: updates are not signed"] = ""
    trust_timestamp_key: Annotated[str, "address of the key that signs timestamps"] = ""
    trust_adapter_key: Annotated[str, "address of the adapter's key, for adapted versions"] = ""
    trust_gate_key: Annotated[str, "address of the gate's key, for adapted versions"] = ""
    http_address: Annotated[str, "host:port for stock clients of The Update Framework by plain HTTP; empty: none"] = ""
    drain_seconds: Annotated[float, "how long calls in flight may go on while the server stops"] = 5.0


HINTS = get_type_hints(Config, include_extras=True)


def from_environment(environment: Mapping[str, str] = os.environ, **given: Any) -> Config:
    """Build a config from ``given`` values (``None``: not given), else ``SLIPWAY_SERVER_<FIELD>``, else defaults.

    Raises:
        ValueError: a value of the environment does not fit its field.
    """
    values = {key: value for key, value in given.items() if value is not None}
    for each in fields(Config):
        text = environment.get(PREFIX + each.name.upper())
        if each.name not in values and text is not None:
            values[each.name] = _parse(get_args(HINTS[each.name])[0], PREFIX + each.name.upper(), text)
    return Config(**values)


def to_environment(config: Config) -> dict[str, str]:
    """The variables that make ``from_environment`` return ``config`` again: how a worker process gets it."""
    values = {each.name: getattr(config, each.name) for each in fields(Config)}
    values["data_folder"] = config.data_folder.absolute()
    return {PREFIX + name.upper(): str(value) for name, value in values.items()}


def from_arguments(arguments: Sequence[str] | None = None) -> Config:
    """Parse ``--data-folder …`` and so on: one option for each field."""
    parser = argparse.ArgumentParser(prog="service")
    for each in fields(Config):
        option = "--" + each.name.replace("_", "-")
        kind, meaning = get_args(HINTS[each.name])
        parser.add_argument(option, type=kind, help=f"{meaning} (default: {each.default})")
    return from_environment(**vars(parser.parse_args(arguments)))


def _parse(kind: Any, name: str, text: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"{name}={text!r} is not a {kind.__name__}") from error
