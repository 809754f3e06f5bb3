"""What the commands of ``slipway-server updates`` share: the desk, and how orders are signed, published and told."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from service.trust.desk import Desk
    from service.trust.drafts import Drafts


def finish(desk: "Desk", found: "Drafts", folder: Path | None, as_json: bool) -> None:
    """Sign and publish, or only write."""
    from service.trust import drafts

    if folder is not None:
        paths = [str(path) for path in drafts.write(folder, found)]
        tell({"drafts": paths}, "to be signed: " + ", ".join(paths), as_json)
        return
    signed = desk.sign(found)
    state = desk.publish(signed, now())
    assert state.timestamp is not None
    rows = [summary(role, each) for role, each in signed.items()]
    value = {"published": rows, "timestamp": state.timestamp.signed.version}
    tell(value, lines(signed) or f"published timestamp {value['timestamp']}", as_json)


def summary(role: str, draft: Any) -> dict[str, Any]:
    """A draft as JSON values."""
    expires = f"{draft.signed.expires:%Y-%m-%dT%H:%M:%SZ}"
    paths = sorted(getattr(draft.signed, "targets", {}))
    known = {"role": role, "version": draft.signed.version, "expires": expires}
    return {**known, "signatures": len(draft.signatures), "targets": paths}


def lines(found: "Drafts") -> str:
    """Drafts in words."""
    rows = [summary(role, each) for role, each in found.items()]
    return "\n".join(
        "{role}, version {version}, until {expires}, signed by {signatures}".format(**row)
        + "".join(f"\n  {path}" for path in row["targets"])
        for row in rows
    )


def tell(value: dict[str, Any], words: str, as_json: bool) -> None:
    """Print one JSON value, or words."""
    print(json.dumps(value) if as_json else words)


def open_desk(data: Path | None, keys: Path | None, files: list[Path] | None) -> "Desk":
    """The desk of an operator with these keys."""
    from service.trust import keyring
    from service.trust.desk import Desk

    return Desk(config_of(data), keyring.ring(keys, files or ()))


def config_of(data: Path | None) -> Any:
    """The settings of the server."""
    from service.config import from_environment

    try:
        return from_environment(data_folder=data)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def key_of(folder: Path | None, name: str) -> Path:
    """The file of a key in the folder of keys."""
    from service.trust import keyring

    if folder is None:
        raise typer.BadParameter(f"Give --keys, or the public key with --{name}.")
    return (folder / f"{name}{keyring.SUFFIX}").absolute()


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)
