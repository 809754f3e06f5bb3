"""One study from end to end: fit the simulator, climb the ladder once a seed, write down what came out."""

import json
import resource
import time
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

from adapters.receipt.gains import gains
from sim.generate import windows
from sim.priors import Prior
from studies.ladder import SHOTS, STRETCHES_S, Case, climb
from studies.scores import Scores
from studies.study import Domain, Study

Rows = dict[str, list[Scores]]


def study(found: Study, folder: Path, out: Path, seeds: int, console: Console) -> None:
    """Run a study and write ``<name>.json``, ``.md`` and, where it draws, ``.png`` below ``out``.

    Raises:
        Refused: RECORDING_DIFFERS.
    """
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    pool, test = found.load(folder)
    if found.draw is not None:
        found.draw(folder, pool, out)
    fitted = None if found.identify is None else found.identify(folder, pool, 0)
    seconds = {"identify": time.monotonic() - began}
    rows: Rows = {}
    for seed in range(seeds):
        mark = time.monotonic()
        for row, scores in climb(_case(found, fitted, pool, test, seed)):
            rows.setdefault(row, []).append(scores)
            seconds[row] = seconds.get(row, 0.0) + time.monotonic() - mark
            mark = time.monotonic()
            text = " ".join(f"{name} {value:.4g}" for name, value in scores.items())
            console.print(f"{found.name} seed {seed} {row:17} {text}", highlight=False, soft_wrap=True)
        result = {
            "name": found.name,
            "seeds": seed + 1,
            "seconds": time.monotonic() - began,
            "row_seconds": {row: total / len(rows.get(row, [0])) for row, total in seconds.items()},
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "windows": {"simulated": found.window_count, "pool": len(pool.labels), "test": len(test.labels)},
            "rows": rows,
            "gains": transfer(rows, bool(found.task.outputs)),
            "identified": None if fitted is None else fitted.to_json(),
        }
        # After each seed: a study takes an hour, and what it knows so far should survive its end.
        (out / f"{found.name}.json").write_text(json.dumps(result, indent=2) + "\n")
        (out / f"{found.name}.md").write_text(table(rows))
    console.print(table(rows), highlight=False, markup=False, soft_wrap=True)


def _case(found: Study, fitted: Prior | None, pool: Domain, test: Domain, seed: int) -> Case:
    key = jax.random.key(seed)
    source = Domain(*windows(found.world, key, found.window_count))
    identified = None
    if fitted is not None:
        identified = Domain(*windows(found.world, jax.random.fold_in(key, 1), found.window_count, fitted))
    return Case(found.task, source, pool, test, seed, identified, found.hop)


def transfer(rows: Rows, regression: bool) -> dict[str, object] | None:
    """Gains of transfer by macro-F1, or by R² of a regression, on the mean over the seeds; None where rows lack."""
    metric, counts, name = ("r2", STRETCHES_S, "seconds") if regression else ("macro_f1", SHOTS, "shot")
    needed = ["zero_shot", *(f"{kind}_{count}" for kind in (name, "scratch") for count in counts)]
    if not set(needed) <= set(rows):
        return None
    mean = {row: float(np.mean([scores[metric] for scores in rows[row]])) for row in needed}
    curves = ({count: mean[f"{kind}_{count}"] for count in counts} for kind in (name, "scratch"))
    return gains(mean["zero_shot"], *curves).to_json()


def table(rows: Rows) -> str:
    """Mean ± standard deviation over the seeds as Markdown: percent of right answers, R² as it is."""
    names = list(dict.fromkeys(name for runs in rows.values() for name in runs[0] if name != "bundle_bytes"))
    lines = [f"| row | {' | '.join(_title(name) for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for row, runs in rows.items():
        lines.append(f"| `{row}` | " + " | ".join(_cell(runs, name) for name in names) + " |")
    return "\n".join(lines) + "\n"


def _title(name: str) -> str:
    if not name.startswith("r2"):
        return name.replace("_", " ").replace("f1", "F1") + " %"
    return " ".join(["R²", *name.split("_")[1:]])


def _cell(runs: list[Scores], name: str) -> str:
    if name not in runs[0]:
        return "–"
    found = np.array([scores[name] for scores in runs])
    scale, digits = (1, 3) if name.startswith("r2") else (100, 2)
    return f"{scale * found.mean():.{digits}f} ± {scale * found.std():.{digits}f}"
