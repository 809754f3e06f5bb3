"""The device's certificate is replaced in time while the agent runs: nothing starts again, no window waits.

What reads certificates is loaded when one is due, not before: it takes some megabytes.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.edge.fetch import Tell
from slipway.errors import Refused
from slipway.identity.folder import credentials, due_s, load
from slipway.transport import ServerRefused, ServerUnreachable

LOOK_S = 3600.0
JITTER = 0.2  # share of it, so that a fleet that was enrolled together does not come together


class Renewal:
    """Looks after the certificate in a folder.

    Args:
        folder: of the identity.
        server: who renews, "host:port"; a gateway cannot.
        line: opens a line anew with other credentials, such as ``Remote.show``.
        tell: told what happens.
        clock: seconds since 1970.
        look_s: from one look to the next.
    """

    def __init__(
        self,
        folder: Path,
        server: str,
        line: Callable[[Any], None],
        tell: Tell,
        *,
        clock: Callable[[], float],
        look_s: float = LOOK_S,
    ) -> None:
        self._folder, self._server, self._line = folder, server, line
        self._tell, self._clock, self._look_s = tell, clock, look_s
        self._shown = load(folder).certificate

    def pause_s(self, random: float) -> float:
        """Seconds to the next look; ``random`` is uniform from 0 to 1."""
        return self._look_s * (1.0 + JITTER * (2.0 * random - 1.0))

    def look(self) -> bool:
        """Renew the certificate once two thirds of its time have passed, and show the one that is there from then on.

        A third of its time is left for more looks where this one fails.

        Returns:
            Whether another one is shown now; somebody else may have put it there.
        """
        try:
            self._renew(self._clock())
            held = load(self._folder).certificate
            if held == self._shown:
                return False
            self._line(credentials(self._server, str(self._folder)))
        except (Refused, ServerRefused, ServerUnreachable, OSError) as error:
            reason = getattr(error, "reason", "") or getattr(error, "code", "")
            self._tell("not_renewed", reason=reason, message=str(error))
            return False
        self._shown = held
        return True

    def _renew(self, now_s: float) -> None:
        if now_s < due_s(self._folder):
            return
        from slipway.identity.enrol import renew_if_due

        owner = renew_if_due(self._server, self._folder, lambda: datetime.fromtimestamp(now_s, UTC))
        if owner is not None:
            self._tell("renewed", serial=owner.serial_number, until=f"{owner.end:%Y-%m-%d}")
