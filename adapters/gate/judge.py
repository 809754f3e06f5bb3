"""The weighing of evidence: which candidates stand, which are defended, and the words for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adapters.gate.decision import BASE, Row, Rules
from adapters.gate.evidence import Doubles, Trial, Validator
from adapters.gate.rehearsal import Rehearsal
from adapters.marginal import Shares
from slipway.windows import Labels

FAMILIARITY = "familiarity"
LABELS = "labels"
ANCHORS = (FAMILIARITY, "source_risk")  # compare with what is known: sureness does not help a model there
WORST = -1e9  # score of answers that are not numbers
STRETCHES = 20  # of the pool, resampled whole: neighbours in time are alike
RESAMPLES = 1000


@dataclass(frozen=True)
class Case:
    """All that a decision rests on.

    Args:
        trials: one a candidate, the base first.
        scores: candidate → validator → a number for each window.
        labels: (labelled windows,), those that no answer in ``told`` was learned from; None without any.
        told: candidate → its answers (labelled windows,) there.
        symptom: how much less sure the base is on the pool than at home; None when nobody knows.
        source_marginal: class shares the base was trained with.
        rules: what the gate insists on.
        seed: of resampling.
        rehearsal: what the candidates gained where labels are known; None when nothing was rehearsed.
    """

    trials: Sequence[Trial]
    scores: Mapping[str, Mapping[str, Doubles]]
    labels: Labels | None
    told: Mapping[str, Labels]
    symptom: float | None
    source_marginal: Shares
    rules: Rules
    seed: int
    rehearsal: Rehearsal | None = None

    @property
    def lost(self) -> bool:
        """Whether the base is so far from home that its sureness means nothing."""
        return _far(self, BASE)


def scored(trials: Sequence[Trial], validators: Mapping[str, Validator]) -> dict[str, dict[str, Doubles]]:
    """Candidate → validator → a number for each window, without the validators that have nothing to go by."""
    table = {}
    for trial in trials:
        found = {name: validator(trial) for name, validator in validators.items()}
        table[trial.name] = {
            name: score if np.isfinite(score).all() else np.full_like(score, WORST)
            for name, score in found.items()
            if score is not None
        }
    return table


def rows(case: Case) -> tuple[Row, ...]:
    """One row a candidate, the base first."""
    return _ranked([_row(case, trial) for trial in case.trials])


def defended(case: Case, row: Row) -> bool:
    """Whether the evidence clearly favours a candidate over the base."""
    if row.veto or not row.changed:
        return False
    if (labels := _verdict(case, row, LABELS)) != 0:
        return labels > 0
    if row.beats.get(LABELS, 0.5) < 0.5 or case.symptom is None or case.symptom < case.rules.symptom:
        return False
    anchors = [_verdict(case, row, name) for name in row.beats if name in ANCHORS]
    if _certain(case, row):
        return min(anchors, default=0) >= 0
    return case.rehearsal is None and _signed(case, row, anchors)


def _certain(case: Case, row: Row) -> bool:
    """Whether a rehearsal promises more than a rehearsal may be wrong by."""
    return row.gain_bound is not None and row.gain_bound > case.rules.margin


def _signed(case: Case, row: Row, anchors: Sequence[int]) -> bool:
    """Whether an anchor is clearly for it, none clearly against it, and no more signs against it than for it."""
    if case.lost or _overreaches(case, row) or row.overturned > case.rules.overturned:
        return False
    signs = [_verdict(case, row, name) for name in row.beats if name not in (*ANCHORS, LABELS)]
    return max(anchors, default=0) > 0 and min(anchors) >= 0 and sum(signs) >= 0


def best(case: Case, rows: Sequence[Row]) -> Row:
    """Of the defended: by labels where they are clear, else by rehearsal, else by place.

    Of those that did as well as the best in a rehearsal, the one inside which the pool looks most like home.
    """
    rehearsal = case.rehearsal
    certain = [row for row in rows if _certain(case, row)]
    told = [row for row in rows if _verdict(case, row, LABELS) > 0]
    if told:
        top = max(row.labelled_accuracy or 0.0 for row in told)
        return next(row for row in told if row.labelled_accuracy == top)
    if rehearsal is None or not certain:
        return min(rows, key=lambda row: row.rank or 0)
    top_row = max(certain, key=lambda row: rehearsal.mean(row.name) or 0.0)
    level = [row for row in certain if row is top_row or not rehearsal.better(top_row.name, row.name)]
    return max(level, key=lambda row: row.scores.get(FAMILIARITY, WORST))


def refusal(case: Case, rows: Sequence[Row]) -> str:
    """Why no candidate is defended, in words."""
    if case.symptom is None:
        return "nothing says how sure the base was at home: give source windows, that confidence, or a few labels"
    if case.symptom < case.rules.symptom:
        here, home = rows[0].confidence, rows[0].confidence + case.symptom
        return f"it shows no symptom, its confidence is {here:.3f} on the pool and was {home:.3f} at home"
    standing = [row for row in rows[1:] if not row.veto]
    if not standing:
        return "; ".join(f"{row.name}: {row.veto}" for row in rows[1:]) or "there is no candidate"
    if case.rehearsal is not None and (tried := [row for row in standing if row.gain_bound is not None]):
        return _rehearsed(case, case.rehearsal, max(tried, key=lambda row: row.gain_bound or 0.0))
    if case.lost:
        return "the pool is so far from home that nothing but a few labels can tell whether a change helps"
    nearest = min(standing, key=lambda row: row.rank or 0)
    if _overreaches(case, nearest):
        expected = 1 - rows[0].confidence
        changed = f"{nearest.name} changes {nearest.changed:.0%} of the answers"
        return f"{changed}, the base is expected to err in {expected:.0%}"
    if nearest.overturned > case.rules.overturned:
        return f"{nearest.name} overturns {nearest.overturned:.0%} of what the base is sure of"
    return f"no candidate is clearly better; {nearest.name} came nearest, with {tally(case, nearest)}"


def _rehearsed(case: Case, rehearsal: Rehearsal, row: Row) -> str:
    cause = (
        f"the source has look-alikes of {rehearsal.overlap:.0%} of the pool, so the world may be all that differs, and"
        if rehearsal.world_stands
        else "only the sensor explains the pool, but"
    )
    bound = f"{100 * (row.gain_bound or 0.0):+.1f} points"
    if _certain(case, row):
        against = " and ".join(name for name in ANCHORS if name in row.beats and row.beats[name] < 0.5)
        return f"{row.name} gains {bound} at least in a rehearsal, but {against} or labels speak against it"
    found = f"rehearsed on devices made of the source {row.name} gains no more than {bound} for sure"
    return f"{cause} {found}" + (f", {100 * case.rules.margin:.0f} are needed" if (row.gain_bound or 0.0) > 0 else "")


def _overreaches(case: Case, row: Row) -> bool:
    """Whether a candidate changes more answers than the base is expected to have wrong.

    Whatever it changes beyond the base's errors it spoils. A confidence that is calibrated at home estimates the errors
    (Guillory et al. 2021).
    """
    return row.changed > 1 - float(case.trials[0].probabilities.max(1).mean())


def tally(case: Case, row: Row) -> str:
    """Why a candidate is better, or what speaks for and against it, in words."""
    if case.rehearsal is not None and _certain(case, row):
        devices, points = len(case.rehearsal.drills), 100 * (row.gain_bound or 0.0)
        return f"rehearsed on {devices} devices made of the source it gains {points:.1f} points at least"
    named = {1: "for", 0: "undecided", -1: "against"}
    return ", ".join(f"{name} {named[_verdict(case, row, name)]}" for name in row.beats)


def _verdict(case: Case, row: Row, name: str) -> int:
    share = row.beats.get(name, 0.5)
    return int(share >= case.rules.confidence) - int(share <= 1 - case.rules.confidence)


def _row(case: Case, trial: Trial) -> Row:
    scores, base = case.scores[trial.name], case.scores[BASE]
    beats = {name: _beats(found, base[name], case.seed) for name, found in scores.items()}
    if case.labels is not None:
        beats[LABELS] = preferred(case.told[trial.name], case.told[BASE], case.labels)
    row = Row(
        name=trial.name,
        scores={name: float(found.mean()) for name, found in scores.items()},
        beats=beats,
        rank=None,
        confidence=float(np.nan_to_num(trial.probabilities).max(1).mean()),
        changed=float((trial.probabilities.argmax(1) != case.trials[0].probabilities.argmax(1)).mean()),
        overturned=_overturned(case, trial),
        marginal=tuple(float(share) for share in _answers(trial)),
        labelled_accuracy=None if case.labels is None else float((case.told[trial.name] == case.labels).mean()),
        veto="" if trial.name == BASE else veto(case, trial),
        gain_bound=None if case.rehearsal is None else case.rehearsal.bound(trial.name),
    )
    return replace(row, defended=trial.name != BASE and defended(case, row))


def preferred(answers: Labels, base: Labels, labels: Labels) -> float:
    """The chance that ``answers`` are right more often than the base's, after the labels where one of them is right.

    The share of such windows on which the candidate is the right one has an even prior; no window, no preference.
    """
    wins, losses = (
        int(((mine == labels) & (other != labels)).sum()) for mine, other in ((answers, base), (base, answers))
    )
    total = wins + losses + 1
    return sum(math.comb(total, count) for count in range(wins + 1)) / 2.0**total


def _beats(scores: Doubles, base: Doubles, seed: int) -> float:
    """Share of resamples of whole stretches of the pool in which ``scores`` have the higher mean."""
    difference = scores - base
    if not np.any(difference):
        return 0.5
    stretches = np.array([part.mean() for part in np.array_split(difference, min(len(difference), STRETCHES))])
    drawn = np.random.default_rng(seed).choice(stretches, (RESAMPLES, len(stretches)))
    return float((drawn.mean(1) > 0).mean())


def veto(case: Case, trial: Trial) -> str:
    """Why a candidate may not win whatever else speaks for it, in words; empty when it may."""
    rules, shares = case.rules, _answers(trial)
    if not np.isfinite(trial.probabilities).all():
        return "its answers are not numbers"
    if _far(case, trial.name):
        return f"inside it the pool looks nothing like the source, {rules.far:g} nats a channel is the limit"
    filled, plausible = _class_count(shares), _class_count(trial.expected)
    if filled < rules.crowded * plausible:
        return f"its answers fill {filled:.1f} classes, {plausible:.1f} are plausible"
    references = (_answers(case.trials[0]), trial.expected, case.source_marginal)
    strayed = min(float(0.5 * np.abs(shares - reference).sum()) for reference in references)
    if strayed > rules.strayed:
        return f"its class shares stray by {strayed:.2f} from any plausible ones, {rules.strayed:.2f} is the limit"
    return ""


def _far(case: Case, name: str) -> bool:
    scores = case.scores[name]
    return FAMILIARITY in scores and float(scores[FAMILIARITY].mean()) < -case.rules.far


def _overturned(case: Case, trial: Trial) -> float:
    before = case.trials[0].probabilities
    sure = before.max(1) >= case.rules.sure
    return float((trial.probabilities.argmax(1) != before.argmax(1))[sure].mean()) if sure.any() else 0.0


def _ranked(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows with their mean place among those that no veto took out; anchors weigh as much together as signs."""
    standing = [row for row in rows if not row.veto]
    kinds = [[name for name in standing[0].scores if (name in ANCHORS) is anchor] for anchor in (True, False)]
    mean = np.mean([np.mean([_places(standing, name) for name in names], 0) for names in kinds if names], 0)
    ranks = dict(zip((row.name for row in standing), mean, strict=True))
    return tuple(replace(row, rank=float(ranks[row.name]) if row.name in ranks else None) for row in rows)


def _places(rows: Sequence[Row], name: str) -> Doubles:
    """1 for the best score; equal scores share the mean of their places."""
    scores = np.array([row.scores[name] for row in rows])
    higher, equal = (scores > scores[:, None]).sum(1), (scores == scores[:, None]).sum(1)
    return np.asarray(higher + (equal + 1) / 2)


def _answers(trial: Trial) -> Shares:
    """Class shares of the answers."""
    return np.asarray(np.nan_to_num(trial.probabilities).mean(0), np.float64)


def _class_count(shares: Shares) -> float:
    """How many classes are there, as exp of the entropy: 1 for one class, K for K even ones."""
    return float(np.exp(-(shares * np.log(shares + 1e-12)).sum()))
