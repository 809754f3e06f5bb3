"""The decision to promote an adapted model or to keep the base. Doing nothing is an answer.

First the base must show a symptom: be less sure on the pool than it was at home (difference of confidences; Guillory
et al. 2021, https://arxiv.org/abs/2107.03315). Without one nothing could be gained, and whatever a candidate answers
otherwise would be harm. Nor may a candidate change more answers than the base is expected to have wrong; and where the
base is so far from home that its sureness means nothing, only labels can tell. Then candidates compete on evidence
that needs no label. Some validators are anchors: they compare with what is known of the source, and sureness does not
help a model there. The others are signs. A candidate is defended when an anchor is clearly for it, none is clearly
against it, and no more signs are against it than for it.

A veto takes out what no evidence can save: a model in which the pool looks nothing like the source, that overturns too
much of what the base was sure of, or whose answers crowd into fewer classes than the pool can plausibly hold. A few
labels, apart from those learned from, outweigh all but a veto when they are clear.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from adapters import judge, marginal
from adapters.catalog import VALIDATORS
from adapters.decision import BASE, Decision, Row, Rules
from adapters.evidence import Trial, Validator
from adapters.judge import Case
from adapters.marginal import Shares
from nets.inference import logits, outputs, probabilities, softmax
from nets.layers import BatchNorm, Normalize
from nets.model import Model
from nets.windows import Windows
from slipway.windows import UNLABELLED, Values


def decide(
    base: Model,
    candidates: Mapping[str, Model],
    values: Values,
    *,
    labelled: Windows | None = None,
    source: Windows | None = None,
    source_marginal: Shares | None = None,
    home_confidence: float | None = None,
    rules: Rules | None = None,
    validators: Mapping[str, Validator] | None = None,
    seed: int = 0,
) -> Decision:
    """Choose among the base and ``candidates`` on the target pool ``values``.

    Args:
        base: the model that runs if nothing else is defended.
        candidates: adapted models by name, cheapest first: the earlier one wins a tie.
        values: (count, time, channels), the target pool in the order it was recorded.
        labelled: target windows with labels that no candidate learned from.
        source: source windows with labels.
        source_marginal: class shares the base was trained with; even when None.
        home_confidence: the base's mean confidence on held-out windows of the source; measured on ``source`` when None.
        rules: what the gate insists on.
        validators: by name; all of the catalogue's by default.
        seed: of noise and resampling.
    """
    rules = rules or Rules()
    count = len(base.task.classes)
    source_marginal = np.full(count, 1 / count) if source_marginal is None else source_marginal
    if home_confidence is None and source is not None:
        home_confidence = float(probabilities(base, source.values).max(1).mean())
    labelled = labelled if labelled is not None and len(labelled.labels) else None
    found = trials(
        base, candidates, values, source=source, source_marginal=source_marginal, noise=rules.noise, seed=seed
    )
    here = float(found[0].probabilities.max(1).mean())
    case = Case(
        trials=found,
        scores=judge.scored(found, validators or VALIDATORS, labelled),
        labelled=labelled,
        symptom=None if home_confidence is None else home_confidence - here,
        source_marginal=source_marginal,
        rules=rules,
        seed=seed,
    )
    return _decided(case, judge.rows(case), len(values))


def _decided(case: Case, rows: tuple[Row, ...], window_count: int) -> Decision:
    if window_count < case.rules.windows:
        words = f"the pool has {window_count} windows, {case.rules.windows} are needed to tell models apart"
        return Decision(BASE, False, f"keep the base: {words}", rows)
    defended = [row for row in rows[1:] if judge.defended(case, row)]
    if not defended:
        return Decision(BASE, False, f"keep the base: {judge.refusal(case, rows)}", rows)
    winner = min(defended, key=lambda row: row.rank or 0)
    return Decision(winner.name, True, f"{winner.name} is better than the base: {judge.tally(case, winner)}", rows)


def trials(
    base: Model,
    candidates: Mapping[str, Model],
    values: Values,
    *,
    source: Windows | None,
    source_marginal: Shares,
    noise: float,
    seed: int,
) -> list[Trial]:
    """What base and candidates answer on the pool, the base first."""
    models = {BASE: base, **{name: model for name, model in candidates.items() if name != BASE}}
    answers = {name: outputs(model.layers, model.arrays, values) for name, model in models.items()}
    chances = {name: softmax(scores) for name, (_, scores) in answers.items()}
    shake = np.random.default_rng(seed).standard_normal(values.shape, np.float32) * values.std((0, 1)) * noise
    expected = marginal.estimate(chances[BASE], source_marginal)
    said = None if source is None else Windows(*(part[source.labels != UNLABELLED] for part in source))
    said = said if said is not None and len(said.labels) else None
    return [
        Trial(
            name=name,
            model=model,
            base=base,
            values=values,
            features=answers[name][0],
            probabilities=chances[name],
            shaken=softmax(logits(model, values + shake)),
            expected=expected,
            consensus=np.mean(list(chances.values()), 0),
            source=said,
            source_logits=None if said is None else logits(_at_home(model, base), said.values),
        )
        for name, model in models.items()
    ]


def _at_home(model: Model, base: Model) -> Model:
    """``model`` with the base's statistics: they describe the domain, and the source is the base's."""
    kinds = {f"{index}": layer for index, layer in enumerate(model.layers) if isinstance(layer, BatchNorm | Normalize)}
    names = ("mean", "variance", "deviation")
    kept = {
        key: array for key, array in base.arrays.items() if key.split(".")[0] in kinds and key.split(".")[1] in names
    }
    return replace(model, arrays={**model.arrays, **kept})
