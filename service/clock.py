"""Time as whole microseconds since 1970 (UTC): exact in every database and in protobuf."""

import time


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000
