"""What an export is made from, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from export.code import Code, CodeOptions
from service.worker.context import Context
from service.worker.pipelines.recording import Recording
from slipway.errors import Reason, Refused

Hooks = dict[str, Callable[..., Any]]  # ``progress`` and ``should_stop`` of ``nets.training.train``


@dataclass(frozen=True, eq=False)
class Order:
    """What an export is made from.

    Args:
        version: name of the version.
        windows: real ones.
        code: how its C is written and where it is run.
        tuning: hooks of a fine-tuning; None for no fine-tuning.
    """

    version: str
    windows: Recording
    code: CodeOptions
    tuning: Hooks | None = None

    @property
    def model_id(self) -> str:
        """The last part of the model's name."""
        return self.version.split("/")[1]

    @property
    def number(self) -> str:
        """The version as a bundle calls it."""
        return self.version.split("/")[3]

    @property
    def lineage(self) -> dict[str, str]:
        """What the bundle says of where it comes from."""
        windows = self.windows
        return {"version": self.version, "calibration": windows.name, "calibration_sha256": windows.sha256}


@dataclass(frozen=True, eq=False)
class Made:
    """What came of an export.

    Args:
        artifacts: files by id, without the C.
        code: the C of an int8 graph, or None.
        words: what the job says about it, a sentence each.
    """

    artifacts: dict[str, bytes]
    code: Code | None
    words: tuple[str, ...] = ()


def optional(context: Context, version: str, artifact_id: str) -> bytes | None:
    """A file of a version, or None where it has none of this id."""
    try:
        return context.artifact(version, artifact_id)
    except Refused as refused:
        if refused.reason is not Reason.ARTIFACT_NOT_FOUND:
            raise
        return None
