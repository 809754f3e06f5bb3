"""The agent's end of the process in which a candidate runs. See ``slipway.edge.shadow_child``."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import numpy.typing as npt

from slipway.edge.shadow_child import ANSWER, FAILED, READY, REFUSED, WINDOW, receive, send
from slipway.edge.state import Installed
from slipway.edge.store import Store
from slipway.errors import Reason, Refused

Array = npt.NDArray[np.float32]
ENTRY = "slipway.edge.shadow_child"


class Silent(Exception):
    """The process is gone, or says nothing that makes sense in time: it has to be started again."""


class ShadowProcess:
    """Starts the process and waits until it has proven the bundle.

    Args:
        store: where the bundle lies.
        version: which one.
        before: what answers meanwhile; it is timed there too.
        start_s: how long that may take.

    Raises:
        Refused: the bundle fails a check or its self-test.
        Silent: no word of either.
    """

    def __init__(self, store: Store, version: Installed, before: Installed, start_s: float) -> None:
        self.before = before
        self._line, theirs = socket.socketpair()
        with theirs:
            place = [str(theirs.fileno()), str(store.folder.absolute())]
            both = [version.version, version.sha256, before.version, before.sha256]
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", ENTRY, *place, *both],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
            )
        try:
            kind, _, _, data = self._heard(start_s)
            if kind == REFUSED:
                raise _refusal(data)
            if kind != READY:
                raise Silent("it says nothing that makes sense")
        except (Refused, Silent):
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, window: Array, timeout_s: float) -> tuple[Array | None, float, float]:
        """The candidate's logits (answers,), None where it failed; seconds of computing, its own and the other's.

        Raises:
            Silent: no answer within ``timeout_s``.
        """
        try:
            self._line.settimeout(timeout_s)
            send(self._line, WINDOW, window.astype("<f4").tobytes())
        except OSError as error:
            raise Silent(self._fate()) from error
        kind, seconds, seconds_before, data = self._heard(timeout_s)
        if kind == ANSWER and len(data) % 4 == 0:
            logits = np.frombuffer(data, "<f4")
            return (logits if np.isfinite(logits).all() else None), seconds, seconds_before
        if kind == FAILED:
            return None, 0.0, 0.0
        raise Silent("it says nothing that makes sense")

    def kill(self) -> None:
        """Let whoever waits for it wait no longer; ``close`` is still theirs to call."""
        self._process.kill()

    def close(self) -> None:
        """End it, whatever it does."""
        self._line.close()
        self._process.kill()
        self._process.wait()

    def _heard(self, timeout_s: float) -> tuple[int, float, float, bytes]:
        try:
            self._line.settimeout(timeout_s)
            return receive(self._line)
        except TimeoutError as error:
            raise Silent(f"no answer within {timeout_s:g} s") from error
        except (OSError, EOFError) as error:
            raise Silent(self._fate()) from error

    def _fate(self) -> str:
        """How it ended, once it has."""
        try:
            return f"its process ended with {self._process.wait(1.0)}"
        except subprocess.TimeoutExpired:
            return "its process said no more"


def _refusal(data: bytes) -> Refused:
    words = json.loads(data)
    return Refused(Reason(words["reason"]), field=words["field"], **words["details"])
