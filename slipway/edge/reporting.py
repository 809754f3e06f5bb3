"""How a device's reports leave it: as they are to a server that knows its certificate, signed to a gateway.

A gateway refuses what is not signed, and so the device learns that it talks to one.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.errors import Reason
from slipway.identity.folder import IN_CLEAR, load
from slipway.transport import ServerRefused, ask
from slipway.v1 import updates_pb2 as pb


class Reporter:
    """Sends reports over one line.

    Args:
        stub: of ``slipway.v1.Updates``.
        address: of the server, for words.
        key: reads the private key of the device's certificate (PEM); None where it has none.
        clock: seconds since 1970; stands in what is signed.
    """

    def __init__(
        self, stub: Any, address: str, key: Callable[[], bytes] | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._stub = stub
        self._address = address
        self._key = key
        self._clock = clock
        self._signs = False

    def send(self, report: pb.ReportStatusRequest | pb.ReportHealthRequest) -> None:
        """Send a report.

        Raises:
            Refused: IDENTITY_UNUSABLE.
            ServerRefused, ServerUnreachable: it was not taken.
        """
        if not self._signs:
            method = self._stub.ReportStatus if isinstance(report, pb.ReportStatusRequest) else self._stub.ReportHealth
            try:
                ask(method, report, self._address)
                return
            except ServerRefused as refusal:
                if self._key is None or refusal.reason != Reason.REPORT_NOT_SIGNED:
                    raise
        self._relay(report, self._key)

    def _relay(self, report: pb.ReportStatusRequest | pb.ReportHealthRequest, key: Callable[[], bytes] | None) -> None:
        from slipway.edge.signed_report import sign  # loads cryptography

        assert key is not None
        self._signs = False  # should the gateway have made room for a server meanwhile
        ask(self._stub.RelayReport, sign(report, key(), datetime.fromtimestamp(self._clock(), UTC)), self._address)
        self._signs = True


def key_of(identity: str) -> Callable[[], bytes] | None:
    """How to read the key in the folder of an identity; None where there is no identity."""
    return None if identity in ("", IN_CLEAR) else lambda: load(Path(identity)).key
