"""A process that holds one key and signs what it has looked at: ``python -m service.trust.signer adapter|gate``.

It reads drafts from stdin and writes signatures to stdout (``frames``), and ends when stdin does. The key stays in it.
Each key of "adapters/<model>" has a process of its own, so that what breaks one of them does not hold both.
"""

import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Targets

from service.blobs import Blobs, open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.config import Config, from_environment
from service.logs import write_logs
from service.trust import frames, gate, keys, promoted
from service.trust.place import Place
from service.trust.repository import load
from service.trust.roles import State
from slipway.errors import Reason, Refused

ADAPTER, GATE = "adapter", "gate"
log = logging.getLogger("service.trust.signer")  # the module's name is __main__ here


@dataclass(frozen=True)
class Desk:
    """What a signing process has at hand: nothing that it was told, all that it can look up."""

    kind: str
    uri: str
    place: Place
    catalogue: Catalogue
    blobs: Blobs


def open_desk(kind: str, config: Config) -> Desk:
    """A desk for the adapter or the gate. The catalogue is opened for reading only."""
    uri = {ADAPTER: config.trust_adapter_key, GATE: config.trust_gate_key}[kind]
    catalogue = promoted.read_only(database_url(config.database_url, config.data_folder))
    return Desk(kind, uri, Place(config.data_folder), catalogue, open_blobs(config.blob_url, config.data_folder))


def signature(desk: Desk, role: str, text: str, now: datetime) -> dict[str, Any]:
    """The signature on a draft, if all of it is as it should be.

    Args:
        role: "adapters/<model>".
        text: the draft, as JSON.
        now: the time.

    Raises:
        Refused: TARGET_NOT_SIGNED, with what is wrong with it.
    """
    draft = _parsed(role, text)
    state = load(desk.place.files)
    gate.check_form(role, draft, state, now)
    signer = _signer(desk, role, state)
    if desk.kind == GATE:
        _judge(desk, role, draft, state, signer.public_key)
    made = signer.sign(draft.signed_bytes)
    return {"keyid": made.keyid, **made.to_dict()}


def serve(desk: Desk, incoming: int, outgoing: int) -> None:
    """Answer drafts until the other side ends."""
    while True:
        try:
            asked = frames.receive(incoming)
        except frames.Ended:
            return
        frames.send(outgoing, _answer(desk, asked))


def _answer(desk: Desk, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"signature": signature(desk, str(asked.get("role")), str(asked.get("draft")), datetime.now(UTC))}
    except Refused as refusal:
        log.warning("the %s does not sign: %s", desk.kind, refusal)
        return {"refused": {"message": refusal.message, "remedy": refusal.remedy}}
    except Exception as error:  # told without its words, which may hold anything
        log.error("the %s cannot sign: %s", desk.kind, type(error).__name__)
        return {"refused": {"message": f"{desk.kind}: {type(error).__name__}.", "remedy": "See the server's log."}}


def _judge(desk: Desk, role: str, draft: Metadata[Targets], state: State, own: Key) -> None:
    def look(version: str, serial: int) -> Any:
        return promoted.adapted(desk.catalogue, desk.blobs, version, serial)

    gate.check_truth(role, draft, state, own, look, desk.place.taken_back())


def _signer(desk: Desk, role: str, state: State) -> Signer:
    delegations = state.base.signed.delegations
    assert delegations is not None and delegations.roles is not None
    return keys.reach_one(desk.uri, [delegations.keys[keyid] for keyid in delegations.roles[role].keyids])


def _parsed(role: str, text: str) -> Metadata[Any]:
    try:
        return Metadata.from_bytes(text.encode())
    except RepositoryError as error:
        problem = "it cannot be read"
        raise Refused(Reason.TARGET_NOT_SIGNED, field="draft", name=repr(role[:80]), problem=problem) from error


def main() -> None:
    """Answer on stdin and stdout; whatever else prints, prints to stderr."""
    write_logs()
    (kind,) = sys.argv[1:]
    incoming, outgoing = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    serve(open_desk(kind, from_environment()), incoming, outgoing)


if __name__ == "__main__":
    main()
