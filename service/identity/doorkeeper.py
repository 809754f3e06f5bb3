"""Knows callers by their certificates, and sends away those whose certificate is revoked or expires while they call."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from service.catalogue import identities, policies
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.identity.profile import read_caller
from service.identity.values import Caller
from slipway.errors import Reason, Refused

log = logging.getLogger(__name__)

CACHE_LIMIT = 50_000
OVERLAP_US = 60_000_000  # a revocation's time is that of its transaction's begin, on another server's clock


class Doorkeeper:
    """Tells who calls.

    Args:
        catalogue: where certificates are known and revoked.
        records: whether a certificate that the catalogue does not know is entered (one of an outside CA), or refused.
        seconds: pause between two looks for new revocations.
    """

    def __init__(self, catalogue: Catalogue, records: bool, seconds: float) -> None:
        self._catalogue = catalogue
        self._records = records
        self._seconds = seconds
        self._callers: dict[bytes, Caller] = {}
        self._revoked: set[str] = set()
        self._targets: frozenset[str] = frozenset()
        self._seen_us = 0
        self._lasting: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)
        self.look()

    def targets(self) -> frozenset[str]:
        """Ids of the datasets that policies gather in, as the last look found them: machines may write to them."""
        return self._targets

    async def caller(self, context: Any) -> Caller:
        """Whose certificate the call's connection showed.

        Raises:
            Refused: CERTIFICATE_REFUSED.
        """
        (pem,) = context.auth_context().get("x509_pem_cert") or (b"",)
        caller = self._callers.get(pem) or await self._meet(pem)
        if caller.certificate in self._revoked:
            raise refused("it was revoked")
        if caller.expire_us <= now_us():
            raise refused("it has expired")
        return caller

    @asynccontextmanager
    async def lasting(self, caller: Caller) -> AsyncIterator[None]:
        """Within it a call may go on for as long as its caller's certificate is accepted.

        Raises:
            Refused: CERTIFICATE_REFUSED, at the moment when it no longer is.
        """
        limit = asyncio.timeout((caller.expire_us - now_us()) / 1e6)
        calls = self._lasting[caller.certificate]
        calls.add(limit)
        try:
            async with limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            revoked = caller.certificate in self._revoked
            raise refused("it was revoked" if revoked else "it has expired") from None
        finally:
            calls.discard(limit)
            if not calls:
                self._lasting.pop(caller.certificate, None)

    async def run(self) -> None:
        """Look for revocations until the task ends."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                log.exception("cannot ask the catalogue for revocations")
            for certificate in self._revoked & self._lasting.keys():
                for limit in tuple(self._lasting[certificate]):
                    limit.reschedule(asyncio.get_running_loop().time())

    def look(self) -> None:
        """Ask the catalogue what was revoked since the last look, and what policies gather in."""
        at_us = now_us()
        found = self._catalogue.read(identities.revoked_since, self._seen_us - OVERLAP_US, at_us)
        self._revoked = self._revoked.union(found)
        self._targets = frozenset(self._catalogue.read(policies.targets))
        self._seen_us = at_us

    async def _meet(self, pem: bytes) -> Caller:
        caller, certificate = read_caller(pem)
        known = await asyncio.to_thread(self._catalogue.read, identities.has_certificate, caller.certificate)
        if not known and not self._records:
            raise refused("this server has not made it")
        if not known:
            await asyncio.to_thread(self._catalogue.write, identities.enter, certificate, caller.role, now_us())
        if len(self._callers) >= CACHE_LIMIT:
            self._callers.clear()
        self._callers[pem] = caller
        return caller


def refused(problem: str) -> Refused:
    """The refusal of a certificate."""
    return Refused(Reason.CERTIFICATE_REFUSED, field="certificate", problem=problem)
