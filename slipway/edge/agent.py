"""The agent: one thread keeps the version up to date, one listens for hints; whoever answers reads ``live``."""

import threading
from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential

from slipway.edge.install import Installer, Live
from slipway.errors import Refused
from slipway.transport import ServerRefused, ServerUnreachable, patiently

POLL_S = 600.0
JITTER = 0.2  # share of the poll interval, so that a fleet does not ask in one voice
RETRY_LIMIT_S = 300.0


class Agent:
    """Runs an ``Installer`` until it is stopped. A server that is away changes nothing but the log.

    Args:
        random: uniform numbers from 0 to 1.
        poll_s: how often to ask where no hint comes.
    """

    def __init__(self, installer: Installer, *, random: Callable[[], float], poll_s: float = POLL_S) -> None:
        self.installer = installer
        self._random = random
        self._poll_s = poll_s
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_up, name="slipway-update", daemon=True),
            threading.Thread(target=self._listen, name="slipway-hints", daemon=True),
        ]

    def start(self) -> None:
        """Run what is installed at once, and look for updates in the background."""
        self.installer.start()
        self._say_ready()
        for thread in self._threads:
            thread.start()

    def live(self) -> Live:
        """What answers now; waits for the first installation where nothing is installed."""
        self._ready.wait()
        live = self.installer.live
        assert live is not None
        return live

    def wait(self) -> None:
        """Block until the agent is stopped."""
        self._stopping.wait()

    def stop(self) -> None:
        """End both threads. A download breaks off and its bytes stay; a switch that has begun is finished."""
        self._stopping.set()
        self._wake.set()
        self.installer.remote.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _keep_up(self) -> None:
        while not self._stopping.is_set():
            self._retrying(self._round, self._rest, self._tell_away)
            self._rest(self._poll_s * (1.0 + JITTER * (2.0 * self._random() - 1.0)))

    def _rest(self, seconds: float) -> None:
        """Wait for ``seconds``, or for a hint, or for the end."""
        self._wake.wait(seconds)
        self._wake.clear()
        if self._stopping.is_set():  # set before the alarm that was just cleared
            self._wake.set()

    def _round(self) -> None:
        try:
            self.installer.update()
        except (Refused, ServerRefused) as refusal:
            self.installer.tell("refused", reason=refusal.reason, message=str(refusal))
        self._say_ready()
        self.installer.report()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            self._retrying(self._hear, self._idle)
            self._idle(self._random())

    def _idle(self, seconds: float) -> None:
        """Wait for ``seconds``, or for the end."""
        self._stopping.wait(seconds)

    def _hear(self) -> None:
        installer, heard = self.installer, False
        try:
            for _ in installer.remote.hints(installer.model, installer.channel):
                heard = True
                self._wake.set()
        except (ServerRefused, ServerUnreachable):
            if not heard:
                raise  # the pauses grow only while nothing at all is heard

    def _retrying(
        self,
        work: Callable[[], None],
        sleep: Callable[[float], None],
        tell: Callable[[RetryCallState], None] | None = None,
    ) -> None:
        """Repeat ``work`` until it succeeds or the agent stops, with growing jittered pauses.

        Whatever fails (the server is away, the disk is full), the model that answers is not to be disturbed by it.
        """
        Retrying(
            retry=retry_if_exception_type(Exception),
            wait=wait_random_exponential(multiplier=1.0, max=RETRY_LIMIT_S),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep,
            before_sleep=tell,
            retry_error_callback=lambda _: None,
        )(work)

    def _tell_away(self, attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome else None
        self.installer.tell("waiting", message=str(error), retry_s=round(attempt.upcoming_sleep, 1))

    def _say_ready(self) -> None:
        if self.installer.live is not None:
            self._ready.set()


def once(installer: Installer, patience_s: float) -> None:
    """Start, ask once, install what is offered, and tell the server; for ``patience_s`` at most while it is away.

    Raises:
        Refused, ServerRefused, ServerUnreachable: nothing new runs; what was installed does.
    """
    installer.start()
    try:
        patiently(installer.update, patience_s)
    finally:
        if installer.state.reports:
            _report_quietly(installer)


def _report_quietly(installer: Installer) -> None:
    try:
        installer.report()
    except ServerUnreachable as error:
        installer.tell("waiting", message=str(error))
