"""The publisher's end of a signing process: it is started when first asked, and again when it has died."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata, Targets

from service.config import PREFIX, Config, to_environment
from service.trust import frames
from service.trust.signer import ADAPTER, GATE
from slipway.errors import Reason, Refused

ANSWER_S = 120.0  # a gate reads bundles before it signs, and may be far from its key
ROOT = Path(__file__).resolve().parents[2]
OWN_KEY = {ADAPTER: "trust_adapter_key", GATE: "trust_gate_key"}


class SigningProcess:
    """One of the two keys of adapted versions, behind a pipe.

    Args:
        kind: "adapter" or "gate".
        config: of the server; the process gets the address of its own key only.
        answer_s: how long an answer may take.
    """

    def __init__(self, kind: str, config: Config, answer_s: float = ANSWER_S) -> None:
        self.kind = kind
        self.process: subprocess.Popen[bytes] | None = None
        self._config = config
        self._answer_s = answer_s

    def start(self) -> None:
        """Start the process before it is needed: it takes a second or two."""
        self._alive()

    def sign(self, role: str, draft: Metadata[Targets]) -> None:
        """Add its signature to ``draft``.

        Raises:
            Refused: FIELD_INVALID, in the words of the process.
            Ended: it died or is silent; it is started again at the next call.
        """
        process = self._alive()
        assert process.stdin is not None and process.stdout is not None
        try:
            message = {"role": role, "draft": draft.to_bytes().decode()}
            frames.send(process.stdin.fileno(), message, self._answer_s)
            answer = frames.receive(process.stdout.fileno(), self._answer_s)
        except frames.Ended:
            self.stop()
            raise
        draft.signatures.update(self._read(answer))

    def stop(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, answer: dict[str, Any]) -> dict[str, Signature]:
        refused = answer.get("refused")
        if isinstance(refused, dict):
            raise self._refused(str(refused.get("message")), str(refused.get("remedy")))
        try:
            signature = Signature.from_dict(dict(answer["signature"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._refused("its answer makes no sense", "See the server's log.") from error
        return {signature.keyid: signature}

    def _alive(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is not None:
            self.stop()
        if self.process is None:
            known = {name: getattr(self._config, name) for name in OWN_KEY.values()}
            own = {name: uri if OWN_KEY[self.kind] == name else "" for name, uri in known.items()}
            nobody = {"trust_snapshot_key": "", "trust_timestamp_key": ""}
            told = {PREFIX + name.upper(): uri for name, uri in {**own, **nobody}.items()}
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service.trust.signer", self.kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**_surroundings(), **to_environment(self._config), **told},
                cwd=ROOT,
            )
        return self.process

    def _refused(self, problem: str, remedy: str) -> Refused:
        return Refused(Reason.FIELD_INVALID, field=self.kind, problem="does not sign", found=problem, remedy=remedy)


def _surroundings() -> dict[str, str]:
    """The environment as it is, without the server's settings: the other keys' addresses among them."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
