"""The decision to promote an adapted model or to keep the base. Doing nothing is an answer.

First the base must show a symptom: be less sure on the pool than it was at home (difference of confidences; Guillory
et al. 2021, https://arxiv.org/abs/2107.03315). Without one nothing could be gained, and whatever a candidate answers
otherwise would be harm.

With windows of the source, what could adapt is rehearsed (``adapters.gate.rehearsal``) on devices made of them, and is
defended when the lower bound of its gain is over 0 under every kind of explanation that stands, and no anchor is
clearly against it. What was not rehearsed, or gained a little without a bound, competes on evidence that needs no
label. Some validators are anchors: they compare with what is known of the source, and sureness does not help a model
there. The others are signs. Such a candidate is defended when an anchor is clearly for it, none is clearly against it,
and no more signs are against it than for it; it may change no more answers than the base is expected to have wrong; and
where the base is so far from home that its sureness means nothing, only a rehearsal or labels can tell.

A veto takes out what no evidence can save: a model in which the pool looks nothing like the source, or whose answers
crowd into fewer classes than the pool can plausibly hold. A few labels, apart from those learned from, outweigh all but
a veto when they are clear, and when they are not, a candidate they lean against is not promoted.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from adapters import marginal
from adapters.catalog import VALIDATORS
from adapters.gate import judge
from adapters.gate.decision import BASE, Decision, Rules
from adapters.gate.evidence import Floats, Trial, Validator
from adapters.gate.judge import Case
from adapters.gate.regression import decide_outputs
from adapters.gate.rehearsal import Effort, Method, rehearse
from adapters.marginal import Shares
from nets.inference import logits, outputs, probabilities, softmax
from nets.layers import BatchNorm, Normalize
from nets.model import Model
from nets.windows import Windows
from slipway.windows import UNLABELLED, Labels, Values


def decide(
    base: Model,
    candidates: Mapping[str, Model],
    values: Values,
    *,
    labelled: Windows | None = None,
    crossed: Mapping[str, Floats] | None = None,
    source: Windows | None = None,
    source_marginal: Shares | None = None,
    home_confidence: float | None = None,
    methods: Mapping[str, Method] | None = None,
    costly: Collection[str] = (),
    effort: Effort | None = None,
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
        crossed: candidate → what it answers to ``labelled`` (count, answers) where its model did learn from some of
            them: each by a model made the same way that did not.
        source: source windows with labels.
        source_marginal: class shares the base was trained with; even when None.
        home_confidence: the base's mean confidence on held-out windows of the source; measured on ``source`` when None.
        methods: how candidates come about from a pool without labels; those are rehearsed when there is a source.
        costly: those of the methods that follow a gradient; only the best of them are rehearsed.
        effort: how much is rehearsed.
        rules: what the gate insists on.
        validators: by name; all of the catalogue's by default.
        seed: of noise and resampling.
    """
    rules = rules or Rules()
    labelled = labelled if labelled is not None and len(labelled.labels) else None
    candidates = {name: model for name, model in candidates.items() if name != BASE}
    crossed = crossed or {}
    if base.task.outputs:
        return decide_outputs(base, candidates, labelled, crossed, rules, seed)
    count = len(base.task.classes)
    source_marginal = np.full(count, 1 / count) if source_marginal is None else source_marginal
    if home_confidence is None and source is not None:
        home_confidence = float(probabilities(base, source.values).max(1).mean())
    found = trials(
        base, candidates, values, source=source, source_marginal=source_marginal, noise=rules.noise, seed=seed
    )
    here = float(found[0].probabilities.max(1).mean())
    case = Case(
        trials=found,
        scores=judge.scored(found, VALIDATORS if validators is None else validators),
        labels=None if labelled is None else labelled.labels,
        told={} if labelled is None else _told({BASE: base, **candidates}, crossed, labelled),
        symptom=None if home_confidence is None else home_confidence - here,
        source_marginal=source_marginal,
        rules=rules,
        seed=seed,
    )
    return _decided(_with_rehearsal(case, methods or {}, costly, effort or Effort()), len(values))


def _told(models: Mapping[str, Model], crossed: Mapping[str, Floats], labelled: Windows) -> dict[str, Labels]:
    """Candidate → its answers (labelled windows,)."""
    scores = {name: crossed.get(name, None) for name in models}
    return {
        name: (logits(models[name], labelled.values) if known is None else known).argmax(1).astype(np.int32)
        for name, known in scores.items()
    }


def _with_rehearsal(case: Case, methods: Mapping[str, Method], costly: Collection[str], effort: Effort) -> Case:
    """The case with what its standing candidates gain in a rehearsal, where one is possible and could matter."""
    base = case.trials[0]
    idle = case.symptom is None or case.symptom < case.rules.symptom or len(base.values) < case.rules.windows
    if idle or base.source is None:
        return case
    standing = [row for row in judge.rows(case)[1:] if not row.veto and row.name in methods]
    dear = sorted((row for row in standing if row.name in costly), key=lambda row: row.rank or 0)
    tried = {row.name for row in standing if row.name not in costly} | {row.name for row in dear[: effort.finalists]}
    methods = {row.name: methods[row.name] for row in standing if row.name in tried}
    if not methods:
        return case
    rehearsal = rehearse(
        base.model,
        methods,
        base.values,
        base.source,
        source_marginal=case.source_marginal,
        effort=effort,
        seed=case.seed,
    )
    return replace(case, rehearsal=rehearsal)


def _decided(case: Case, window_count: int) -> Decision:
    rows = judge.rows(case)
    told = None if case.rehearsal is None else case.rehearsal.to_json()
    if window_count < case.rules.windows:
        words = f"the pool has {window_count} windows, {case.rules.windows} are needed to tell models apart"
        return Decision(BASE, False, f"keep the base: {words}", rows, told)
    defended = [row for row in rows if row.defended]
    if not defended:
        return Decision(BASE, False, f"keep the base: {judge.refusal(case, rows)}", rows, told)
    winner = judge.best(case, defended)
    reason = f"{winner.name} is better than the base: {judge.tally(case, winner)}"
    return Decision(winner.name, True, reason, rows, told)


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
    said = None if source is None else Windows(*(part[source.labels != UNLABELLED] for part in source))
    said = said if said is not None and len(said.labels) else None
    home = None if said is None else marginal.Home(logits(base, said.values), said.labels)
    expected = marginal.estimated(answers[BASE][1], source_marginal, home).shares
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
            consensus=np.mean([each for each in chances.values() if np.isfinite(each).all()], 0),
            source=said,
            source_logits=None if said is None else logits(_at_home(model, base), said.values),
        )
        for name, model in models.items()
    ]


def _at_home(model: Model, base: Model) -> Model:
    """``model`` with the base's statistics: they describe the domain, and the source is the base's.

    A model with other layers keeps its own.
    """
    places, homes = _statistics(model), _statistics(base)
    if [kind for _, kind in places] != [kind for _, kind in homes]:
        return model
    kept = {
        f"{index}.{name}": base.arrays[f"{at}.{name}"]
        for (index, _), (at, _) in zip(places, homes, strict=True)
        for name in ("mean", "variance", "deviation")
        if f"{at}.{name}" in base.arrays
    }
    return replace(model, arrays={**model.arrays, **kept})


def _statistics(model: Model) -> list[tuple[int, type]]:
    """Place and kind of the layers that hold statistics."""
    kinds = ((index, type(layer)) for index, layer in enumerate(model.layers))
    return [(index, kind) for index, kind in kinds if kind in (BatchNorm, Normalize)]
