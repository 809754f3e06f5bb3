"""Keeps the lease of a running job: a thread that renews it, carries progress out and the wish to stop in."""

import logging
import threading
import time
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from service.catalogue import leases
from service.catalogue.engine import Catalogue
from service.catalogue.leases import Lease, LeaseLost
from service.clock import now_us
from service.config import Config
from service.domain import Progress

log = logging.getLogger(__name__)

REPORT_SECONDS = 0.2  # between two writes of progress


class Keeper:
    """Renews ``lease`` while its ``with`` block runs."""

    def __init__(self, catalogue: Catalogue, lease: Lease, config: Config) -> None:
        self._catalogue = catalogue
        self._lease = lease
        self._lease_seconds = config.lease_seconds
        self._heartbeat_seconds = config.heartbeat_seconds
        self._good_until = time.monotonic() + config.lease_seconds
        self._news = threading.Event()
        self._stop = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"keeper of {lease.job.id}", daemon=True)
        self.progress: Progress | None = None

    def __enter__(self) -> "Keeper":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._news.set()
        self._thread.join()

    def report(self, progress: Progress) -> None:
        """Note how far the job is; it is written soon."""
        self.progress = progress
        self._news.set()

    def should_stop(self) -> bool:
        """Whether somebody cancelled the job, or its lease is lost."""
        return self._stop.is_set()

    def _run(self) -> None:
        written: Progress | None = None
        while not self._over.is_set():
            progress = self.progress
            self._renew(progress if progress is not written else None)
            written = progress
            if self._news.wait(self._heartbeat_seconds):
                self._over.wait(REPORT_SECONDS)
                self._news.clear()

    def _renew(self, progress: Progress | None) -> None:
        start = time.monotonic()
        try:
            asked = self._catalogue.write(leases.renew, self._lease, now_us(), int(self._lease_seconds * 1e6), progress)
            self._good_until = start + self._lease_seconds
        except LeaseLost:
            asked = True
        except SQLAlchemyError:
            log.exception("cannot renew the lease of %s", self._lease.job.id)
            asked = start > self._good_until
        if asked:
            self._stop.set()
