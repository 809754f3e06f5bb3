"""Compiled programs: those that outlive the process, and those that must not fill it."""

import gc
from pathlib import Path

import jax


def enable_compilation_cache(folder: Path) -> None:
    """Keep compiled programs in ``folder``, so that the next process need not compile them again.

    A training program costs seconds to compile and milliseconds to load; without this, compilation outweighs the
    adaptation of one device.

    Args:
        folder: created when missing; may be deleted at any time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


MAPS, MAPS_LIMIT = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
CROWDED = 0.5  # of the system's limit


def release_when_crowded(share: float = CROWDED) -> bool:
    """Forget all compiled programs when they fill the process, and say whether that was done.

    Each program holds some memory mappings; where they reach the system's limit, the next compilation ends the process
    (Linux allows 65,530 by default: a few thousand programs). What is forgotten is loaded again from the folder.

    Args:
        share: of the limit that may be in use.
    """
    if not (MAPS.exists() and MAPS_LIMIT.exists()):
        return False  # another system: its limits are others
    with MAPS.open("rb") as lines:
        count = sum(1 for _ in lines)
    if count < share * int(MAPS_LIMIT.read_text()):
        return False
    jax.clear_caches()
    gc.collect()
    return True
