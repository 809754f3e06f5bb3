"""The HTML report: one file, no script, nothing loaded from elsewhere."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from studies.demo import pictures
from studies.demo.result import Result


def write(result: Result, target: Path) -> None:
    """Write the report of a run to ``target``."""
    page = Environment(loader=PackageLoader("studies.demo", "."), autoescape=True, undefined=StrictUndefined)
    evidence = result.decision.evidence
    target.write_text(
        page.get_template("report.html.j2").render(
            summary=result.summary(),
            facts=_facts(result),
            rows=[asdict(row) for row in result.rows],
            shipped="unsupervised",
            decision=result.decision,
            validators=sorted({name for row in evidence for name in row.scores}),
            pictures=_pictures(result),
            closed_loop=result.drive_words(),
        ),
        encoding="utf-8",
    )


def _facts(result: Result) -> list[dict[str, str]]:
    return [
        {"value": f"{100 * result.row('zero_shot').accuracy:.1f} %", "label": "accuracy, simulation only"},
        {"value": f"{100 * result.row('unsupervised').accuracy:.1f} %", "label": "after adaptation without a label"},
        {"value": f"{100 * result.int8.accuracy:.1f} %", "label": "the same as int8, on the device"},
        {"value": f"{result.bundle_bytes / 1000:.1f} kB", "label": "bundle that the device pulls"},
        {"value": f"{result.seconds_total:.0f} s", "label": "for the whole story"},
        {"value": "yes" if result.offline_ok else "no", "label": "goes on when the server is killed"},
    ]


def _pictures(result: Result) -> dict[str, str]:
    before, after = result.row("zero_shot"), result.int8
    history: list[Any] = [point for point in result.history if point.epoch]
    drive = result.drive
    return {
        "ladder": pictures.ladder([(row.name, row.accuracy) for row in result.rows], "unsupervised"),
        "confusion": pictures.confusion(
            np.asarray(before.confusion),
            np.asarray(after.confusion),
            result.classes,
            (f"simulation only: {100 * before.accuracy:.2f} %", f"on the device, int8: {100 * after.accuracy:.2f} %"),
        ),
        "learning_curve": pictures.learning_curve(
            [point.epoch for point in history],
            [point.loss for point in history],
            [point.validation_accuracy for point in history],
        ),
        "path": pictures.path(drive.walls, drive.poses, drive.commands, result.classes, drive.radius_m),
    }
