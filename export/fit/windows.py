"""The windows of a search: those that students learn from, and those that decide."""

from nets.inference import logits
from nets.model import Model
from nets.windows import Windows, stratified_split
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values, answered, check_labels, check_targets, check_values, unanswered


def divided(
    base: Model, values: Values, labels: Answers | None, held_out: Windows | None, share: float, seed: int
) -> tuple[Windows, Windows]:
    """Windows to learn from, and windows to judge by with an answer each.

    Args:
        base: whose answers count where nobody labelled a window to judge by.
        values: (count, time, channels).
        labels: (count,) or (count, outputs), -1 or NaN where nobody said.
        held_out: windows to judge by; None takes ``share`` of ``values``.
        share: of each class.
        seed: of the split.

    Raises:
        Refused: windows or answers that do not fit the base's task, or fewer than two.
    """
    learning = _checked(base, values, labels, "values")
    if held_out is not None:
        return learning, _answered(base, _checked(base, held_out.values, held_out.labels, "held_out"))
    known = bool(answered(learning.labels).all())
    strata = learning.labels if known or base.task.outputs else logits(base, learning.values).argmax(1)
    first, second = stratified_split(strata, share, seed)
    parts = [Windows(learning.values[rows], learning.labels[rows]) for rows in (first, second)]
    return parts[0], _answered(base, parts[1])


def _checked(base: Model, values: Values, labels: Answers | None, name: str) -> Windows:
    task = base.task
    values = check_values(values, task.sensor, name)
    if len(values) < 2:
        raise Refused(Reason.FIELD_REQUIRED, field=name)
    if labels is None:
        return Windows(values, unanswered(len(values), len(task.outputs)))
    found = check_targets(labels, len(task.outputs)) if task.outputs else check_labels(labels, len(task.classes))
    if len(found) != len(values):
        remedy = "Give -1, or NaN for a regression, where nobody said."
        problem = f"needs one answer for each of {len(values)} windows"
        raise Refused(Reason.FIELD_INVALID, field=f"{name}.labels", problem=problem, found=len(found), remedy=remedy)
    return Windows(values, found)


def _answered(base: Model, windows: Windows) -> Windows:
    """Those with a label; if there are none, all of them with the base's own answers."""
    said = answered(windows.labels)
    if said.any():
        return Windows(windows.values[said], windows.labels[said])
    scores = logits(base, windows.values)
    return Windows(windows.values, scores if base.task.outputs else scores.argmax(1))
