"""What the watcher reads: one line for each step, a bar for what takes long, a table at the end."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from slipway.client import Client
from slipway.client.values import Job, JobResult
from studies.demo.result import Result


class StepFailed(RuntimeError):
    """A job of the story failed; says which, why, and what to do."""


class Telling:
    """Words on stderr; with ``as_json`` the summary alone on stdout."""

    def __init__(self, console: Console, as_json: bool) -> None:
        self.console = console
        self._as_json = as_json

    def step(self, title: str) -> None:
        """Begin a part of the story."""
        self.console.print(f"\n[bold]{title}[/bold]")

    def say(self, words: str) -> None:
        """One finding."""
        self.console.print(f"  {words}", highlight=False)

    @contextmanager
    def timed(self, words: str) -> Iterator[None]:
        """Say ``words`` with the seconds the body took."""
        began = time.monotonic()
        yield
        self.say(f"{words} [dim]{time.monotonic() - began:.1f} s[/dim]")

    def wait(self, client: Client, job: Job, words: str) -> JobResult:
        """Show a job's progress until it ends.

        Raises:
            StepFailed: the job did not succeed.
        """
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(28),
            TextColumn("{task.fields[now]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(words, total=1.0, now="")

            def show(changed: Job) -> None:
                if changed.progress:
                    bar.update(task, completed=changed.progress.fraction, now=changed.progress.stage)

            ended = client.jobs.wait(job.name, progress=show)
        if ended.result is None or ended.state != "SUCCEEDED":
            cause = ended.error
            raise StepFailed(
                f"{words}: {ended.state}. {cause.message} {cause.remedy}" if cause else f"{words}: {ended.state}"
            )
        return ended.result

    def ending(self, result: Result, out: Path) -> None:
        """The table of rows, what was delivered, and where the pictures are."""
        if self._as_json:
            sys.stdout.write((out / "summary.json").read_text())
        self.console.print()
        self.console.print(_table(result))
        self.console.print(
            f"\n  int8 [bold]{100 * result.int8.accuracy:.2f}[/bold] %, float {100 * result.float_accuracy:.2f} %; "
            f"bundle {result.bundle_bytes / 1000:.1f} kB; steered {result.drive_words()}\n"
            f"  {result.seconds_total:.0f} s in all, {result.peak_memory_bytes / 2**20:.0f} MiB at most.\n"
            f"  Pictures: [bold]{out / 'report.html'}[/bold]   numbers: {out / 'summary.json'}",
            highlight=False,
        )
        if result.data == "simulated":
            self.console.print("  [bold red]The device of this run is simulated: no recording was at hand.[/bold red]")


def _table(result: Result) -> Table:
    device = "a real robot" if result.data == "real" else "a SIMULATED device"
    table = Table(title=f"Test windows of {device}", title_justify="left", box=None, pad_edge=False)
    table.add_column("row")
    table.add_column("learned from")
    for heading in ("accuracy %", "macro-F1 %", "adapter"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        size = f"{row.adapter_bytes} B" if row.adapter_bytes else ""
        accuracy, f1 = f"{100 * row.accuracy:.2f}", f"{100 * row.macro_f1:.2f}"
        table.add_row(
            row.name, row.meaning, accuracy, f1, size, style="bold cyan" if row.name == "unsupervised" else ""
        )
    return table
