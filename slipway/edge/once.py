"""One go without an agent: ask once, answer what there is to answer, and judge it at the end."""

import math

from slipway.edge.health import DEFAULT_LIMITS, Limits
from slipway.edge.install import Installer
from slipway.edge.monitor import Monitor
from slipway.edge.tend import Tend
from slipway.transport import ServerRefused, ServerUnreachable, patiently


def once(installer: Installer, patience_s: float) -> None:
    """Start, ask once, install what is offered, and tell the server; for ``patience_s`` at most while it is away.

    Raises:
        Refused, ServerRefused, ServerUnreachable: nothing new runs; what was installed does.
    """
    installer.start()
    try:
        patiently(installer.update, patience_s)
    finally:
        if installer.state.reports or installer.state.healths:
            _report_quietly(installer)


class Batch:
    """Looks on where windows are answered in one go: what was counted is judged at the end."""

    def __init__(self, installer: Installer, limits: Limits = DEFAULT_LIMITS) -> None:
        self.monitor = Monitor(limits=limits)
        self._tend = Tend(installer, self.monitor, report_s=math.inf, due=lambda: None)

    def finish(self) -> None:
        """Judge a trial, and file the report; the next update delivers it."""
        self._tend.look()
        self._tend.file(final=True)


def _report_quietly(installer: Installer) -> None:
    try:
        installer.report()
    except (ServerRefused, ServerUnreachable) as error:
        installer.tell("waiting", message=str(error))
