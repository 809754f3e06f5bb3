"""One-time tokens: 256 random bits, of which only the SHA-256 is kept, so that looking it up betrays no secret."""

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable

from slipway.errors import Reason, Refused

SECRET_BYTES = 32
SECRET_LIMIT_CHARS = 64
DEFAULT_TTL_SECONDS = 3600
TTL_LIMIT_SECONDS = 30 * 86_400
GUESS_LIMIT = 60  # wrong tokens within a minute from one address, behind which a whole site may be
ADDRESS_LIMIT = 10_000
MINUTE_SECONDS = 60.0


def new_secret() -> str:
    """A secret that nobody can guess, in URL-safe letters."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> str:
    """What is kept of a secret.

    Raises:
        Refused: ENROLMENT_REFUSED, for what cannot be one.
    """
    if not 0 < len(secret) <= SECRET_LIMIT_CHARS:
        raise Refused(Reason.ENROLMENT_REFUSED, field="token")
    return hashlib.sha256(secret.encode()).hexdigest()


def ttl_seconds(asked: float) -> float:
    """How long a token may be used when ``asked`` seconds were asked for.

    Raises:
        Refused: FIELD_INVALID.
    """
    if not 0 <= asked <= TTL_LIMIT_SECONDS:
        problem, remedy = f"needs 0 to {TTL_LIMIT_SECONDS} seconds", "Ask for 30 days at most."
        raise Refused(Reason.FIELD_INVALID, field="ttl", problem=problem, found=asked, remedy=remedy)
    return asked or DEFAULT_TTL_SECONDS


class Guesses:
    """Counts wrong tokens by address, minute by minute.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self._wrong: Counter[str] = Counter()

    def check(self, address: str) -> None:
        """Refuse an address that has guessed too often.

        Raises:
            Refused: ENROLMENT_BUSY.
        """
        passed = self._clock() - self._begin
        if passed >= MINUTE_SECONDS or len(self._wrong) > ADDRESS_LIMIT:
            self._begin, passed = self._clock(), 0.0
            self._wrong.clear()
        if self._wrong[address] >= GUESS_LIMIT:
            left = round(MINUTE_SECONDS - passed, 1)
            raise Refused(Reason.ENROLMENT_BUSY, field="token", found=self._wrong[address], retry_seconds=left)

    def wrong(self, address: str) -> None:
        """Count one."""
        self._wrong[address] += 1
