"""What bounds inference: how long a request may wait, and how much may be held."""

import os
from dataclasses import dataclass, field

from service.config import Config


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Settings of inference.

    Args:
        batch_windows: windows in one request, and in one run of a graph.
        batch_delay_seconds: how long a request may wait for others while nothing runs.
        queue_windows: windows that may wait for one version; what would be more is refused.
        loaded_bytes: memory of loaded versions; the one used longest ago makes room.
        pointer_seconds: how long what a channel points at is taken as known.
        stream_requests: requests of one stream that are under way at the same time.
        threads: runs at the same time, of all versions together.
    """

    batch_windows: int = 64
    batch_delay_seconds: float = 0.004
    queue_windows: int = 1024
    loaded_bytes: int = 512 << 20
    pointer_seconds: float = 0.2
    stream_requests: int = 64
    threads: int = field(default_factory=cores)


def limits(config: Config) -> Limits:
    """The server's settings."""
    return Limits(
        batch_windows=config.inference_batch_limit,
        batch_delay_seconds=config.inference_delay_seconds,
        queue_windows=max(config.inference_queue_limit, config.inference_batch_limit),
        loaded_bytes=config.inference_memory_limit_bytes,
        pointer_seconds=config.poll_seconds,
    )
