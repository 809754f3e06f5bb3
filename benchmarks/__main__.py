"""Run benchmarks, each in a process of its own: ``python -m benchmarks [NAME ...]``.

A benchmark is a file here with ``run() -> list[dict]``; a record is ``name value unit reference ratio``: ``ratio`` is
the value over the reference of the same run, or over the aim where nothing can be measured beside it.
"""

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import benchmarks

OUT = Path("out/bench")
FIELDS = ("name", "value", "unit", "reference", "ratio")


def names() -> list[str]:
    """Every benchmark, by file name."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return [name for name in found if not name.startswith("_")]


def measure(name: str) -> None:
    """Run one benchmark in this process and write its records."""
    records = importlib.import_module(f"benchmarks.{name}").run()
    for record in records:
        if set(record) != set(FIELDS):
            raise SystemExit(f"{name}: a record needs exactly {FIELDS}, found {sorted(record)}")
        print("{name:28} {value:>12.4g} {unit:14} {ratio:>10.4g} of {reference}".format(**record), flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    command = f"python -m benchmarks {name}"
    (OUT / f"{name}.json").write_text(
        json.dumps([{**record, "command": command} for record in records], indent=2) + "\n"
    )


def main(wanted: list[str]) -> int:
    """Run the named benchmarks, or all; 1 if one of them failed."""
    if len(wanted) == 1:
        measure(wanted[0])
        return 0
    codes = [subprocess.run([sys.executable, "-m", "benchmarks", name]).returncode for name in wanted or names()]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
