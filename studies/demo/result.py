"""What a run of the demo found, and the summary that other programs read."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """One rung: what was given, and how well the model then did on the device's test windows."""

    name: str
    meaning: str
    accuracy: float
    macro_f1: float
    confusion: tuple[tuple[int, ...], ...]
    adapter_bytes: int = 0


@dataclass(frozen=True)
class Drive:
    """The int8 net at the wheel: walls (n, 2, 2) and poses (steps, 3) in metres and radians, commands (steps,)."""

    walls: np.ndarray
    poses: np.ndarray
    commands: np.ndarray
    radius_m: float
    rounds: float
    collided: bool


@dataclass(frozen=True)
class Result:
    """Everything the table, the report and the summary are made of."""

    data: str  # "real" or "simulated"
    classes: tuple[str, ...]
    rows: tuple[Row, ...]
    history: tuple[Any, ...]  # slipway.client.values.Progress
    decision: Any  # slipway.client.values.Decision
    drive: Drive
    int8: Any  # slipway.client.values.Evaluation of the bundle's own net
    float_accuracy: float
    bundle_bytes: int
    offline_ok: bool
    seconds_total: float
    seconds_pretrain: float
    seconds_adapt: float
    peak_memory_bytes: int

    def row(self, name: str) -> Row:
        """The row called ``name``."""
        return next(row for row in self.rows if row.name == name)

    def drive_words(self) -> str:
        """How the drive went, in a clause."""
        touched = "and touched a wall." if self.drive.collided else "without touching a wall."
        return f"{self.drive.rounds:.1f} rounds {touched}"

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        return {
            "data": self.data,
            **{row.name: round(row.accuracy, 4) for row in self.rows},
            "int8_accuracy": round(self.int8.accuracy, 4),
            "float_accuracy": round(self.float_accuracy, 4),
            "gate": {
                "chosen": self.decision.chosen,
                "promoted": self.decision.promoted,
                "reason": self.decision.reason,
            },
            "adapter_bytes": self.row("unsupervised").adapter_bytes,
            "bundle_bytes": self.bundle_bytes,
            "seconds_total": round(self.seconds_total, 1),
            "seconds_pretrain": round(self.seconds_pretrain, 1),
            "seconds_adapt": round(self.seconds_adapt, 1),
            "offline_ok": self.offline_ok,
            "closed_loop_rounds": round(self.drive.rounds, 2),
            "closed_loop_collided": self.drive.collided,
            "peak_memory_mib": round(self.peak_memory_bytes / 2**20),
        }
