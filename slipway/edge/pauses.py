"""Work that does not succeed is done again, after pauses that grow and that no two devices share."""

import threading
from collections.abc import Callable

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

RETRY_LIMIT_S = 30.0  # a fleet that lost its server comes back spread over so long


def retrying(
    work: Callable[[], None],
    stopping: threading.Event,
    *,
    rest: Callable[[float], None] | None = None,
    tell: Callable[[str, float], None] | None = None,
) -> None:
    """Repeat ``work`` until it succeeds or ``stopping`` is set, with growing jittered pauses.

    Whatever fails (the server is away, the disk is full), the model that answers is not to be disturbed by it.

    Args:
        rest: waits for so many seconds; else until ``stopping`` is set.
        tell: told of each failure before the pause: why, and how many seconds it is.
    """

    def say(attempt: RetryCallState) -> None:
        if tell is not None:
            error = attempt.outcome.exception() if attempt.outcome else None
            tell(str(error), attempt.upcoming_sleep)

    Retrying(
        retry=retry_if_exception_type(Exception),
        wait=wait_random_exponential(multiplier=1.0, max=RETRY_LIMIT_S),
        stop=stop_when_event_set(stopping),
        sleep=rest or sleep_using_event(stopping),
        before_sleep=say,
        retry_error_callback=lambda _: None,
    )(work)
