"""The agent keeps the version up to date, hears hints, looks after trial, candidate and certificate, and reports.

Each of these has a thread of its own, so that none waits for another; whoever answers reads ``live`` and is watched by
``monitor``.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from slipway.edge import notify
from slipway.edge.follow import Follower
from slipway.edge.health import DEFAULT_LIMITS, Limits
from slipway.edge.install import Installer
from slipway.edge.live import Live
from slipway.edge.monitor import Monitor, Observer
from slipway.edge.pauses import retrying
from slipway.edge.remote import Remote
from slipway.edge.renewal import Renewal
from slipway.edge.shadow import Shadow
from slipway.edge.state import Candidate, Installed
from slipway.edge.tend import Tend
from slipway.errors import Refused
from slipway.transport import ServerRefused

if TYPE_CHECKING:
    from slipway.client.datasets import Datasets

POLL_S = 600.0
REPORT_S = 60.0
SHARE_S = 60.0  # how often to look whether something may be told of the windows
LOOK_S = 1.0  # how often trial, reports and watchdog are looked after


class Agent:
    """Runs an ``Installer`` until it is stopped. A server that is away changes nothing but the log.

    Args:
        random: uniform numbers from 0 to 1.
        poll_s: how often to ask where no hint comes.
        report_s: how often to report on health where windows come.
        observer: notices what comes in.
        datasets: what it may be told to; asked for in the thread that tells, each time.
        limits: of a trial.
        renewal: looks after the device's certificate.
    """

    def __init__(
        self,
        installer: Installer,
        *,
        random: Callable[[], float],
        poll_s: float = POLL_S,
        report_s: float = REPORT_S,
        observer: Observer | None = None,
        datasets: "Callable[[], Datasets] | None" = None,
        limits: Limits = DEFAULT_LIMITS,
        renewal: Renewal | None = None,
    ) -> None:
        assert isinstance(installer.remote, Remote), "an agent listens to a server"
        self.installer = installer
        self._remote = installer.remote
        self._observer, self._datasets = observer, datasets
        self._random, self._renewal = random, renewal
        self._stopping, self._ready, self._told = (threading.Event() for _ in range(3))
        self._follower = Follower(installer, self._remote, self._update, self._stopping, random=random, poll_s=poll_s)
        self.monitor = Monitor(observer=observer, limits=limits)
        self.shadow = Shadow(
            installer.store,
            self._answering,
            self.monitor.compared,
            self._refuse_candidate,
            installer.tell,
            answer_s=limits.answer_s,
        )
        self.monitor.shadow = self.shadow
        installer.rehearse = self.shadow.show
        self._tend = Tend(installer, self.monitor, report_s=report_s, due=self._told.set)
        work = {
            "update": self._follower.keep_up,
            "hints": self._follower.listen,
            "health": self._look_after,
            "reports": self._deliver,
            **({"share": self._share} if observer is not None and datasets is not None else {}),
            **({"renewal": self._renew} if renewal is not None else {}),
        }
        self._threads = [
            threading.Thread(target=run, name=f"slipway-{name}", daemon=True) for name, run in work.items()
        ]

    def start(self) -> None:
        """Run what is installed at once, and look for updates in the background."""
        self.installer.start()
        self.shadow.show(self.installer.state.candidate)
        self._say_ready()
        live = self.installer.live
        if self._observer is not None and live is not None:  # what was on its way goes on without a window
            self._observer.answers(live.version.sha256, live.runtime.bundle)
        self._told.set()
        notify.say("READY=1")
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
        """End all threads. A download breaks off and its bytes stay; a switch that has begun is finished."""
        if not self._stopping.is_set():
            notify.say("STOPPING=1")
        self._stopping.set()
        self._follower.wake()
        self._told.set()
        self._remote.close()
        self.shadow.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._tend.file(final=True)
        if self._observer is not None:
            self._observer.close()

    def _update(self) -> None:
        try:
            self.installer.update()
        except (Refused, ServerRefused) as refusal:
            self.installer.tell("refused", reason=refusal.reason, message=str(refusal))
        finally:
            self._told.set()
        self._say_ready()

    def _look_after(self) -> None:
        while not self._stopping.wait(LOOK_S):
            retrying(self._tend.look, self._stopping)

    def _deliver(self) -> None:
        while not self._stopping.is_set():
            self._told.wait()
            self._told.clear()
            retrying(self.installer.report, self._stopping)

    def _share(self) -> None:
        while not self._stopping.wait(SHARE_S):
            retrying(self._tell_of_windows, self._stopping)

    def _renew(self) -> None:
        assert self._renewal is not None
        while not self._stopping.wait(self._renewal.pause_s(self._random())):
            self._renewal.look()

    def _tell_of_windows(self) -> None:
        assert self._observer is not None and self._datasets is not None
        try:
            sent = self._observer.share(self._datasets(), self.installer.state.device_id)
        except ServerRefused as refusal:
            self.installer.tell("not_shared", reason=refusal.reason, message=str(refusal))
            return
        if sent:
            self.installer.tell("shared", windows=sent.window_count, samples=sent.sample_count)

    def _answering(self) -> Installed | None:
        live = self.installer.live
        return live.version if live else None

    def _refuse_candidate(self, candidate: Candidate, refusal: Refused) -> None:
        self.installer.slots.refuse_candidate(candidate, refusal)
        self._told.set()

    def _say_ready(self) -> None:
        if self.installer.live is not None:
            self._ready.set()
