"""Compiled programs that outlive the process."""

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
