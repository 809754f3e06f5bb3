"""What people and programs get to see: tables and progress through rich, or one JSON value."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from slipway.client.values import Job

STATE_STYLES = {"SUCCEEDED": "green", "FAILED": "red", "RUNNING": "cyan", "CANCELLED": "yellow"}


def console(stderr: bool = False) -> "Console":
    """Where to print; plain text where it is not a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty())


def emit(value: Any, as_json: bool, render: Callable[[], None]) -> None:
    """Print ``value`` as JSON, or let ``render`` print it for people."""
    if as_json:
        print(json.dumps(plain(value), ensure_ascii=False))
    else:
        render()


def plain(value: Any) -> Any:
    """JSON values of records."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """A table without lines; columns whose title ends in ">" are set right."""
    from rich.table import Table

    cells = list(rows)
    if not cells:
        console(stderr=True).print(empty, style="dim")
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in columns:
        right = title.endswith(">")
        grid.add_column(title.rstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in cells:
        grid.add_row(*row)
    console().print(grid)


def facts(title: str, pairs: Iterable[tuple[str, str]]) -> None:
    """A title and what there is to know, one line each; empty values are left out."""
    from rich.table import Table

    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            grid.add_row(name, value)
    out = console()
    out.print(title, style="bold")
    out.print(grid)


def state_words(state: str) -> str:
    """A state in its colour."""
    style = STATE_STYLES.get(state, "dim")
    return f"[{style}]{state.lower()}[/{style}]"


def size_words(size_bytes: int) -> str:
    """Bytes for people: "12.3 kB"."""
    size, units = float(size_bytes), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def age_words(time: datetime | None) -> str:
    """How long ago, for people: "5 min ago"."""
    if time is None:
        return ""
    seconds = max(0.0, (datetime.now(UTC) - time).total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


@contextmanager
def bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr; call what you get with (done, in all). Nothing is drawn where it is no terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(32),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
    )
    out = console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task(title, total=None, words="")
        yield lambda done, total: progress.update(
            task, completed=done, total=total, words=f"{done:,} of {total:,} {unit}"
        )


def follow(jobs: Iterable["Job"]) -> "Job":
    """Show a job's progress on stderr until its end: a live bar on a terminal, else a line for each new stage."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    out = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(32), TextColumn("{task.fields[words]}"), TimeElapsedColumn())
    last, stage = None, ""
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("waiting for a worker", total=1.0, words="")
        for last in jobs:
            now = last.progress.stage if last.progress else last.state.lower()
            if now != stage and not out.is_terminal:
                out.print(f"{last.name} {now}")
            stage = now
            fraction = last.progress.fraction if last.progress else 0.0
            progress.update(task, description=now, completed=fraction, words=progress_words(last))
    assert last is not None
    return last


def progress_words(job: "Job") -> str:
    """Epoch, loss and accuracy of a job, where it trains."""
    step = job.progress
    if step is None:
        return ""
    if not step.epoch:
        return f"{step.fraction:.0%}"
    return f"{step.fraction:.0%}  epoch {step.epoch}  loss {step.loss:.3f}  validation {step.validation_accuracy:.1%}"
