"""The best net for a device: candidates that fit learn from the base, the better half of them goes on, and again.

What does not fit is dropped before anything is trained. The finalists are quantized and their generated C is built and
measured where the tools are. Windows held out decide; a test set is never seen here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from export.fit.candidates import Candidate, candidates, varied
from export.fit.cost import Cost, cost
from export.fit.draft import draft
from export.fit.finals import Quantized, operators_of, quantized
from export.fit.halving import Effort, Runner, Step, halved
from export.fit.profile import Profile, Shortfall, shortfalls
from export.fit.table import Row
from export.fit.teaching import accuracy, lesson
from export.fit.windows import divided
from nets.inference import logits
from nets.model import Model
from nets.windows import Windows
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values

WORDS = {
    "flash_bytes": "bytes of flash",
    "ram_bytes": "bytes of memory",
    "latency_s": "seconds an inference",
    "operators": "among its operators",
}


@dataclass(frozen=True, eq=False)
class Fitted:
    """The net that was chosen, and why.

    Args:
        model: in float.
        graph: its int8 ONNX file.
        cost: of the graph on the profile's core.
        accuracy: of the graph on the windows held out: share of right decisions, or mean R².
        base_accuracy: of the base there, in float.
        rows: what became of every candidate.
        profile: of the device.
    """

    model: Model
    graph: bytes
    cost: Cost
    accuracy: float
    base_accuracy: float
    rows: tuple[Row, ...]
    profile: Profile


def fit(
    base: Model,
    profile: Profile,
    values: Values,
    labels: Answers | None = None,
    *,
    held_out: Windows | None = None,
    calibration_values: Values | None = None,
    effort: Effort | None = None,
    seed: int = 0,
    progress: Callable[[Step], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Fitted:
    """The most accurate net that a device can hold and run in time; of equals the smaller.

    Args:
        base: the teacher.
        profile: of the device.
        values: (count, time, channels) windows to learn from.
        labels: (count,) or (count, outputs), -1 or NaN where nobody said; None where nobody said anything.
        held_out: windows to judge by, with labels where they are known; a share of ``values`` by default. Where no
            held-out window carries a label, agreeing with the base counts as right.
        calibration_values: windows of where the net will serve, for int8; ``values`` by default.
        effort: how much is tried.
        seed: of everything random.
        progress: called after every round of a candidate.
        should_stop: asked after every pass over the windows.

    Raises:
        Refused: NOTHING_FITS naming the binding limit of ``profile``: no candidate fits; or windows that do not.
        Cancelled: ``should_stop`` said so.
    """
    effort = effort or Effort()
    learning, judging = divided(base, values, labels, held_out, effort.held_out_share, seed)
    drafted = [(one, *_drafted(one, profile)) for one in candidates(base, learning.values, seed=seed)]
    fitting = [one for one, _, missing in drafted if not missing]
    if not fitting:
        raise nothing_fits([(row, missing) for _, row, missing in drafted])
    rows = {row.name: row for _, row, _ in drafted}
    trying = [Runner(rows[one.name], one.start) for one in varied(fitting, effort.candidates)]
    taught = lesson(base, learning.values, learning.labels)
    ranked = halved(trying, taught, judging, effort, seed, progress=progress, should_stop=should_stop)
    rows |= {one.row.name: one.row for one in ranked}
    serving = learning.values if calibration_values is None else calibration_values
    best, final = decided(ranked, profile, serving, judging, effort.finalists)
    rows |= {row.name: row for row in final}
    return Fitted(
        model=best.model,
        graph=best.graph,
        cost=best.cost,
        accuracy=best.accuracy,
        base_accuracy=accuracy(logits(base, judging.values), judging.labels),
        rows=tuple(rows.values()),
        profile=profile,
    )


def nothing_fits(tried: Sequence[tuple[Row, tuple[Shortfall, ...]]]) -> Refused:
    """The refusal that names the binding limit: what the candidate that is nearest to fitting needs most of."""
    row, missing = min(tried, key=lambda one: (one[1][0].ratio, one[0].cost.flash_bytes))
    worst = missing[0]
    needed, available = (f"{n:.4g}" if isinstance(n, float) else n for n in (worst.needed, worst.available))
    words = WORDS[worst.resource]
    return Refused(
        Reason.NOTHING_FITS,
        field=f"profile.{worst.resource}",
        problem=f"none of {len(tried)} nets fits; the nearest ({row.name}) needs {needed} {words}",
        found=available,
        remedy=f"Allow {needed} {words}, or choose a larger device.",
    )


def _drafted(one: Candidate, profile: Profile) -> tuple[Row, tuple[Shortfall, ...]]:
    graph = draft(one.start.task, one.start.layers)
    found = cost(graph, profile.core)
    missing = shortfalls(profile, found, operators_of(graph))
    fate = f"too large: {', '.join(limit.resource for limit in missing)}" if missing else "fits, not tried"
    return Row(one.name, found, fate, fits=not missing), missing


def decided(
    ranked: Sequence[Runner], profile: Profile, values: Values, judging: Windows, count: int
) -> tuple[Quantized, tuple[Row, ...]]:
    """The best of the first ``count`` that still fit once they are quantized and built, and what became of each.

    Args:
        ranked: best first.
        profile: of the device.
        values: windows of where it will serve, for int8.
        judging: windows with an answer each.
        count: of finalists.

    Raises:
        Refused: as ``nothing_fits``.
    """
    fitting: list[Quantized] = []
    failed: list[tuple[Row, tuple[Shortfall, ...]]] = []
    rows: dict[str, Row] = {}
    for one in ranked:
        found = quantized(one.row.name, one.model, profile, values, judging)
        resources = ", ".join(limit.resource for limit in found.missing)
        fate = f"too large as int8: {resources}" if found.missing else "finalist"
        row = replace(one.row, cost=found.cost, int8_accuracy=found.accuracy, fits=not found.missing, fate=fate)
        rows[row.name] = row
        if found.missing:
            failed.append((row, found.missing))
        else:
            fitting.append(found)
        if len(fitting) == count:
            break
    if not fitting:
        raise nothing_fits(failed)
    best = min(fitting, key=lambda one: (-one.accuracy, one.cost.flash_bytes, one.cost.instructions))
    return best, tuple(replace(row, fate="chosen") if name == best.name else row for name, row in rows.items())
