"""What is looked after while windows are answered: the trial, the reports on health, the service manager's watchdog."""

import time
from collections.abc import Callable

from slipway.edge import moves, notify
from slipway.edge.install import Installer
from slipway.edge.monitor import Monitor, Told
from slipway.edge.report import Sums
from slipway.edge.state import State, on_trial

OUTBOX_LIMIT = 32  # reports on health that wait; while there are more, the next one grows instead


class Tend:
    """Looks after one installer; ``look`` is called again and again and never waits for a network.

    Args:
        report_s: how often to file a report on health.
        due: called when there is something to deliver.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        installer: Installer,
        monitor: Monitor,
        *,
        report_s: float,
        due: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._installer, self._monitor = installer, monitor
        self._report_s, self._due, self._clock = report_s, due, clock
        self._filed_s = clock()
        self._watchdog_s = notify.watchdog_s()
        self._barked_s = clock()
        self._cannot = ""  # hash that has to go, and nothing could take its place

    def look(self) -> None:
        """Look once."""
        self._keep_alive()
        self._judge()
        if self._clock() - self._filed_s >= self._report_s:
            self._filed_s = self._clock()
            self.file()

    def file(self, *, final: bool = False) -> None:
        """Write down what was counted; ``final`` at the end, however much waits."""
        notebook = self._installer.notebook
        if len(notebook.state.healths) >= OUTBOX_LIMIT and not final:
            return
        told = [row for row in self._monitor.take() if row[2] != Sums()]
        if not told:
            return
        try:
            notebook.move(_filed, told, self._monitor.drift(), self._installer.clock())
        except OSError:  # a full disk: it is counted still
            for row in told:
                self._monitor.compared(*row)
            raise
        self._due()

    def _judge(self) -> None:
        installer, monitor = self._installer, self._monitor
        live = installer.live
        if live is None or not on_trial(installer.state, live.version.sha256):
            return
        refusal = monitor.failed(live)
        if refusal is not None and self._cannot != live.version.sha256:
            if installer.slots.roll_back(live, refusal):
                self._due()
            else:
                self._cannot = live.version.sha256
                installer.tell("fails", version=live.version.version, reason=refusal.reason, message=str(refusal))
        elif refusal is None and monitor.stood(live):
            installer.slots.passed(live)

    def _keep_alive(self) -> None:
        """Tell the service manager that we live, unless one window has waited for its answer too long."""
        stuck = self._monitor.busy_s() > self._monitor.limits.answer_s
        if self._watchdog_s is None or stuck or self._clock() - self._barked_s < self._watchdog_s / 4:
            return
        self._barked_s = self._clock()
        live = self._installer.live
        words = f"{live.version.version}, {self._monitor.answered:,} windows" if live else "waits for a first version"
        notify.say(f"WATCHDOG=1\nSTATUS={words}")


def _filed(state: State, told: list[Told], drift: float | None, now_s: float) -> State:
    for version, rollout, sums in told:
        state = moves.filed(state, version, rollout, sums, drift, now_s)
    return state
