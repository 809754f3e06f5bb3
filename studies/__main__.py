"""Run studies on real recordings: ``python -m studies [NAME ...]``."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from nets.compilation import enable_compilation_cache
from studies import contact, device, harm, keyword, loop, page, pendulum, rover, run, trigger, wearable
from studies.study import Study

OUT = Path("out/studies")
PAGE = Path("docs/studies.md")
SEEDS = 5

STUDIES: dict[str, Study] = {
    study.name: study for module in (rover, wearable, contact, pendulum, keyword) for study in module.STUDIES
}
OTHERS: dict[str, Callable[[Path, Path, int, Console], None]] = {
    "trigger": trigger.study,
    "harm": harm.study,
    "device": device.study,
    "loop": loop.study,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which studies; all of them if none is named.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Repetitions, each with its own simulation.")] = SEEDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON at the end.")] = False,
) -> None:
    """Run studies on real recordings and write out/studies/NAME.json, .md and .png.

    The recordings lie below the folder that SLIPWAY_DATA names; a study whose recording is missing is skipped.

    Example: python -m studies rover --seeds 2
    """
    console = Console(stderr=as_json)
    if unknown := set(names or []) - {*STUDIES, *OTHERS}:
        console.print(f"Unknown: {', '.join(sorted(unknown))}. Studies: {', '.join((*STUDIES, *OTHERS))}.")
        raise typer.Exit(2)
    enable_compilation_cache(Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", "out/cache/jax")))
    folder = Path(os.environ["SLIPWAY_DATA"]) if os.environ.get("SLIPWAY_DATA") else None
    for name in names or (*STUDIES, *OTHERS):
        recording = STUDIES[name].recording if name in STUDIES else keyword.NAME
        if folder is None or not (folder / recording).is_dir():
            console.print(f"{name}: skipped, no data: set SLIPWAY_DATA, or slipway-server data fetch")
        elif name in STUDIES:
            run.study(STUDIES[name], folder, OUT, seeds, console)
        else:
            OTHERS[name](folder, OUT, seeds, console)
    if as_json:
        json.dump({file.stem: json.loads(file.read_text()) for file in sorted(OUT.glob("*.json"))}, sys.stdout)
    if PAGE.parent.is_dir() and OUT.is_dir():
        page.write(OUT, PAGE, STUDIES)


if __name__ == "__main__":
    typer.run(main)
