"""Run studies on real recordings: ``python -m studies [NAME ...]`` writes ``out/studies/<name>.json`` and ``.md``."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

from nets.compilation import enable_compilation_cache
from sim.catalog import WORLDS
from sim.generate import windows
from studies import rover
from studies.ladder import Case, Domain, Scores, climb

OUT = Path("out/studies")
SEEDS = 5
WINDOW_COUNT = 1_000_000


def rover_case(seed: int) -> Case | None:
    """The rover's world and the real robot; None where the recording is not at hand."""
    recording = rover.find()
    if recording is None:
        return None
    source = Domain(*windows(WORLDS["rover"], jax.random.key(seed), WINDOW_COUNT))
    pool, test = (Domain(part.values, part.labels) for part in rover.split(recording))
    return Case(WORLDS["rover"].task, source, pool, test, seed)


STUDIES: dict[str, Callable[[int], Case | None]] = {"rover": rover_case}


def study(name: str, console: Console) -> bool:
    """Run one study over all seeds; False where its recording is missing."""
    rows: dict[str, list[Scores]] = {}
    began = time.monotonic()
    for seed in range(SEEDS):
        case = STUDIES[name](seed)
        if case is None:
            console.print(f"{name}: skipped, no data: set SLIPWAY_DATA, or slipway-server data fetch")
            return False
        for row, scores in climb(case):
            rows.setdefault(row, []).append(scores)
            console.print(f"{name} seed {seed} {row:17} {100 * scores['accuracy']:6.2f} %", highlight=False)
    seconds = time.monotonic() - began
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps({"seconds": seconds, "seeds": SEEDS, "rows": rows}, indent=2) + "\n")
    (OUT / f"{name}.md").write_text(table(rows))
    console.print(table(rows), highlight=False, markup=False)
    return True


def table(rows: dict[str, list[Scores]]) -> str:
    """Mean ± standard deviation over the seeds, in percent, as Markdown."""
    lines = ["| row | accuracy % | macro-F1 % |", "|---|---|---|"]
    for row, runs in rows.items():
        cells = (np.array([100 * scores[key] for scores in runs]) for key in ("accuracy", "macro_f1"))
        lines.append(f"| {row} | " + " | ".join(f"{cell.mean():.2f} ± {cell.std():.2f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main(wanted: list[str]) -> int:
    """Run the named studies, or all; 2 for an unknown name."""
    console = Console()
    if unknown := set(wanted) - set(STUDIES):
        console.print(f"Unknown: {', '.join(sorted(unknown))}. Studies: {', '.join(STUDIES)}.")
        return 2
    enable_compilation_cache(Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", "out/cache/jax")))
    for name in wanted or STUDIES:
        study(name, console)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
