"""Training states on disk, whole or not at all (Orbax), so that a killed training goes on where it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

KEPT = 2  # the newest, and one before it


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a training leaves its state.

    Args:
        folder: belongs to one training alone; created when missing.
        every_epochs: save after this many epochs.
        every_seconds: but no sooner than this after the last save.
    """

    folder: Path
    every_epochs: int = 1
    every_seconds: float = 0.0


class Keeper:
    """Saves and restores one training's state.

    Args:
        checkpoint: where and how often.
        fingerprint: what the training is; a folder with another one is not resumed from.
        clock: seconds, monotonic.
    """

    def __init__(self, checkpoint: Checkpoint, fingerprint: str, clock: Callable[[], float] = time.monotonic) -> None:
        import orbax.checkpoint as orbax  # here: it takes over a second, and most short adaptations need none

        self._orbax = orbax
        self._checkpoint = checkpoint
        self._fingerprint = fingerprint
        self._clock = clock
        self._saved_at = clock()
        options = orbax.CheckpointManagerOptions(max_to_keep=KEPT, enable_async_checkpointing=False)
        self._manager = orbax.CheckpointManager(checkpoint.folder.absolute(), options=options)

    def save(self, epoch: int, state: Any, notes: dict[str, Any], *, force: bool = False) -> None:
        """Save ``state`` (a tree of arrays) and ``notes`` (plain JSON) after ``epoch``, if it is time or ``force``."""
        late = self._clock() - self._saved_at >= self._checkpoint.every_seconds
        if not force and (epoch % self._checkpoint.every_epochs or not late):
            return
        args = self._orbax.args
        leaves = {f"{i:05d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        notes = {**notes, "fingerprint": self._fingerprint}
        self._manager.save(epoch, args=args.Composite(state=args.StandardSave(leaves), notes=args.JsonSave(notes)))
        self._saved_at = self._clock()

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """The newest state, in the shape of the tree ``like``, and its notes; None when there is none.

        Raises:
            ValueError: the folder belongs to another training.
        """
        newest = self._manager.latest_step()
        if newest is None:
            return None
        args = self._orbax.args
        notes = self._manager.restore(newest, args=args.Composite(notes=args.JsonRestore()))["notes"]
        if notes["fingerprint"] != self._fingerprint:
            raise ValueError(f"{self._checkpoint.folder} holds the checkpoint of another training")
        leaves, tree = jax.tree.flatten(like)
        named = {f"{i:05d}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
        found = self._manager.restore(newest, args=args.Composite(state=args.StandardRestore(named)))["state"]
        return jax.tree.unflatten(tree, [found[name] for name in sorted(named)]), dict(notes)

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()
