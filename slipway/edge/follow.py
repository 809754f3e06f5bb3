"""How a device follows its channel: it asks for an update at every poll, and at once where a hint comes."""

import threading
from collections.abc import Callable

from slipway.edge import pauses
from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.transport import ServerRefused, ServerUnreachable

JITTER = 0.2  # share of the poll interval, so that a fleet does not ask in one voice
SIGNED_S = 5.0  # how soon to ask again where an offer is not signed yet; doubles up to the poll


class Follower:
    """``keep_up`` and ``listen`` each want a thread of their own; both end once ``stopping`` is set.

    Args:
        installer: of the model and the channel.
        remote: says when the channel moves.
        ask: asks for an update; an error means that no answer came, and it is asked again soon.
        stopping: set it, then call ``wake``.
        random: uniform numbers from 0 to 1.
        poll_s: how often to ask where no hint comes.
    """

    def __init__(
        self,
        installer: Installer,
        remote: Remote,
        ask: Callable[[], None],
        stopping: threading.Event,
        *,
        random: Callable[[], float],
        poll_s: float,
    ) -> None:
        self._installer, self._remote, self._ask = installer, remote, ask
        self._stopping, self._wake = stopping, threading.Event()
        self._random, self._poll_s = random, poll_s

    def wake(self) -> None:
        """Ask now."""
        self._wake.set()

    def keep_up(self) -> None:
        """Ask again and again."""
        soon_s = SIGNED_S
        while not self._stopping.is_set():
            pauses.retrying(self._ask, self._stopping, rest=self._rest, tell=self._tell_away)
            pause_s = min(soon_s, self._poll_s) if self._installer.unsigned else self._poll_s
            soon_s = 2.0 * soon_s if self._installer.unsigned else SIGNED_S
            self._rest(pause_s * (1.0 + JITTER * (2.0 * self._random() - 1.0)))

    def listen(self) -> None:
        """Hear hints, over one stream after another."""
        while not self._stopping.is_set():
            pauses.retrying(self._hear, self._stopping)
            self._stopping.wait(pauses.RETRY_LIMIT_S * self._random())

    def _rest(self, seconds: float) -> None:
        """Wait for ``seconds``, or for a hint, or for the end."""
        self._wake.wait(seconds)
        self._wake.clear()
        if self._stopping.is_set():  # set before the alarm that was just cleared
            self._wake.set()

    def _hear(self) -> None:
        installer, heard = self._installer, False
        try:
            for spread_s in self._remote.hints(installer.model, installer.channel):
                if heard:  # the first word of a stream comes to this device alone
                    self._stopping.wait(spread_s * self._random())
                heard = True
                self._wake.set()
        except (ServerRefused, ServerUnreachable):
            if not heard:
                raise  # the pauses grow only while nothing at all is heard

    def _tell_away(self, problem: str, retry_s: float) -> None:
        self._installer.tell("waiting", message=problem, retry_s=round(retry_s, 1))
