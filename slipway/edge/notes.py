"""What an observer noticed last: it outlives the agent, and people may read it. Loads no NumPy."""

import json
import os
from pathlib import Path
from typing import Any

FILE = "drift.json"
LIMIT_BYTES = 4 << 20

Notes = dict[str, Any]


def write(folder: Path, notes: Notes) -> None:
    """Put ``notes`` in place of those before. Does not wait for the disk: they may be lost."""
    fresh = (folder / FILE).with_suffix(".new")
    fresh.write_text(json.dumps(notes))
    os.replace(fresh, folder / FILE)


def read(folder: Path) -> Notes:
    """What was noticed: "drift" and "cause" among it; empty where nothing is known."""
    try:
        with (folder / FILE).open("rb") as file:
            notes = json.loads(file.read(LIMIT_BYTES))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
