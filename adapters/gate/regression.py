"""The gate for quantities: no validator without labels is known to hold there, so only answers of the device count."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adapters.gate.decision import BASE, Decision, Row, Rules
from adapters.gate.evidence import Doubles, Floats
from nets.inference import logits
from nets.metrics import determination
from nets.model import Model
from nets.windows import Windows
from slipway.windows import answered

STRETCHES = 20  # of the answers, resampled whole: neighbours in time are alike
RESAMPLES = 2000
FEWEST = 8  # answers that say anything about a mean
SQUARED_ERROR = "squared_error"


def decide_outputs(
    base: Model,
    candidates: Mapping[str, Model],
    labelled: Windows | None,
    crossed: Mapping[str, Floats],
    rules: Rules,
    seed: int,
) -> Decision:
    """Promote the candidate whose squared error, in each output's own variance, is clearly under the base's.

    Args:
        base: the model that runs if nothing else is defended.
        candidates: adapted models by name, cheapest first.
        labelled: target windows with answers (count, outputs), NaN where nobody said, in the order of time.
        crossed: candidate → what it answers there, where its model learned from some of them.
        rules: ``confidence`` counts.
        seed: of resampling.
    """
    known = None if labelled is None else Windows(*(part[answered(labelled.labels)] for part in labelled))
    if known is None or len(known.labels) < FEWEST:
        rows = tuple(_row(name, None, None, None, rules, seed) for name in (BASE, *candidates))
        words = f"quantities are judged by answers of the device alone, and {FEWEST} at least are needed"
        return Decision(BASE, False, f"keep the base: {words}", rows)
    models = {BASE: base, **candidates}
    found = {
        name: crossed[name][answered(labelled.labels)]
        if labelled is not None and name in crossed
        else logits(model, known.values)
        for name, model in models.items()
    }
    scale = known.labels.astype(np.float64).var(0) + 1e-12
    errors = {name: (np.square(some.astype(np.float64) - known.labels) / scale).mean(1) for name, some in found.items()}
    rows = _ranked([_row(name, errors[name], errors[BASE], (found[name], known), rules, seed) for name in models])
    defended = [row for row in rows if row.defended]
    if not defended:
        return Decision(BASE, False, "keep the base: no candidate's error is clearly smaller", rows)
    winner = min(defended, key=lambda row: errors[row.name].mean())
    after, before = errors[winner.name].mean(), errors[BASE].mean()
    words = f"its squared error is {after:.3g} of the answers' variance, the base's {before:.3g}"
    return Decision(winner.name, True, f"{winner.name} is better than the base: {words}", rows)


def _row(
    name: str,
    errors: Doubles | None,
    base: Doubles | None,
    told: tuple[Floats, Windows] | None,
    rules: Rules,
    seed: int,
) -> Row:
    beats = 0.5 if errors is None or base is None or name == BASE else _beats(base - errors, seed)
    return Row(
        name=name,
        scores={} if errors is None else {SQUARED_ERROR: -float(errors.mean())},
        beats={} if errors is None else {SQUARED_ERROR: beats},
        rank=None,
        confidence=0.0,
        changed=0.0,
        overturned=0.0,
        marginal=(),
        labelled_accuracy=None if told is None else float(determination(told[0], told[1].labels).mean()),
        veto="" if errors is None or np.isfinite(errors).all() else "its answers are not numbers",
        defended=beats >= rules.confidence,
    )


def _ranked(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows with their place by squared error, 1 for the least; none for what a veto took out."""
    standing = sorted((row for row in rows if not row.veto), key=lambda row: -row.scores[SQUARED_ERROR])
    places = {row.name: float(place) for place, row in enumerate(standing, 1)}
    return tuple(replace(row, rank=places.get(row.name)) for row in rows)


def _beats(saved: Doubles, seed: int) -> float:
    """Share of resamples of whole stretches in which the mean error is smaller than the base's."""
    if not np.isfinite(saved).all() or not np.any(saved):
        return 0.0 if np.any(saved) else 0.5
    stretches = np.array([part.mean() for part in np.array_split(saved, min(len(saved), STRETCHES))])
    drawn = np.random.default_rng(seed).choice(stretches, (RESAMPLES, len(stretches)))
    return float((drawn.mean(1) > 0).mean())
