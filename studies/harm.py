"""Does the gate ship harm? Every scenario × method × seed, the gate's verdict beside the true gain.

Each method runs from the same base on the device's pool, without a label; the gate judges all of them; only then the
test's labels say what each would have gained.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console

from adapters.catalog import objective
from adapters.choice import Plan
from adapters.engine import adapt
from adapters.gate.decision import Decision
from adapters.gate.promotion import decide
from adapters.marginal import counted
from adapters.options import Options
from adapters.recipe import EFFORT
from nets.model import Model
from nets.windows import Windows
from slipway.errors import Refused
from studies.ladder import SOURCE_COUNT
from studies.methods import methods
from studies.scenarios import SCENARIOS, Base, Scenario, base
from studies.scores import Scores, score
from studies.study import Domain

OPTIONS = Options(steps=200)  # half of the default, so that hundreds of runs end in hours
FIRST_SEED = 2  # the gate was made while 0 and 1 were looked at
LIMIT = 60  # points at which the picture ends
TOLERATED = 0.005  # of accuracy or R² under the base that counts as noise of the test


@dataclass(frozen=True)
class Run:
    """One method on one device.

    Args:
        scenario: where.
        seed: of the source, the base and the method.
        method: which.
        base: accuracy of the base on the test; R² of a regression.
        score: of the adapted model.
        macro_f1: what it gains in that; 0 for a regression.
        defended: whether the gate would let it through.
        shipped: whether it is what the gate ships when all compete.
        gain_bound: as rehearsed; None when it was not.
        veto: the gate's, or why the method could not run.
        regression: whether the score is an R².
        base_macro_f1: of the base; 0 for a regression.
    """

    scenario: str
    seed: int
    method: str
    base: float
    score: float
    macro_f1: float
    defended: bool
    shipped: bool
    gain_bound: float | None
    veto: str
    regression: bool = False
    base_macro_f1: float = 0.0

    @property
    def gain(self) -> float:
        """Score over the base's."""
        return self.score - self.base


def run(scenario: Scenario, folder: Path, seed: int, kept: Path, console: Console) -> list[Run]:
    """All methods of a scenario with one seed; models are kept below ``kept`` and not made twice."""
    source = scenario.source(folder, seed)
    pool, test = scenario.target(folder)
    found = base(scenario, source, seed, kept / "bases")
    source = Domain(source.values[:SOURCE_COUNT], source.labels[:SOURCE_COUNT])
    made, refused = {}, {}
    for name, plan in methods(scenario.task).items():
        try:
            made[name] = _made(found.model, plan, pool, source, seed, kept / f"{scenario.name}-{seed}" / name)
        except Refused as refusal:
            refused[name] = str(refusal)
    decision = _decided(scenario, found, made, pool, source, seed)
    before = _main(score(scenario.task, found.model, test))
    rows = {row.name: row for row in decision.evidence}
    runs = []
    for name, model in made.items():
        scores, row = score(scenario.task, model, test), rows[name]
        runs.append(
            Run(
                scenario=scenario.name,
                seed=seed,
                method=name,
                base=before[0],
                score=_main(scores)[0],
                macro_f1=_main(scores)[1] - before[1],
                defended=row.defended,
                shipped=decision.promoted and decision.chosen == name,
                gain_bound=row.gain_bound,
                veto=row.veto,
                regression=bool(scenario.task.outputs),
                base_macro_f1=before[1],
            )
        )
        verdict = "SHIPPED" if runs[-1].shipped else "defended" if row.defended else row.veto or "not defended"
        console.print(f"{scenario.name} {seed} {name:22} {100 * runs[-1].gain:+6.2f}  {verdict}", highlight=False)
    console.print(f"{scenario.name} {seed} base {100 * before[0]:.2f}: {decision.reason}", highlight=False)
    kind = bool(scenario.task.outputs)
    left = (
        Run(scenario.name, seed, name, before[0], before[0], 0, False, False, None, refused[name], kind, before[1])
        for name in refused
    )
    return [*runs, *left]


def _main(scores: Scores) -> tuple[float, float]:
    return (scores["r2"], 0.0) if "r2" in scores else (scores["accuracy"], scores["macro_f1"])


def _made(model: Model, plan: Plan, pool: Domain, source: Domain, seed: int, file: Path) -> Model:
    file = file.with_suffix(".safetensors")
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_adapted(model, plan, pool.values, source, seed).to_bytes())
    return Model.from_bytes(file.read_bytes())


def _adapted(model: Model, plan: Plan, values: npt.NDArray[np.float32], source: Domain, seed: int) -> Model:
    return adapt(
        model,
        scope=plan.scope,
        objective=plan.objective,
        target_values=values,
        source_values=source.values,
        source_labels=source.labels,
        options=OPTIONS,
        seed=seed,
    ).model


def _decided(
    scenario: Scenario, found: Base, made: Mapping[str, Model], pool: Domain, source: Domain, seed: int
) -> Decision:
    plans = {name: plan for name, plan in methods(scenario.task).items() if name in made}

    def again(plan: Plan) -> Callable[[npt.NDArray[np.float32]], Model]:
        return lambda values: _adapted(found.model, plan, values, source, seed)

    return decide(
        found.model,
        made,
        pool.values,
        source=Windows(source.values, source.labels),
        source_marginal=None if scenario.task.outputs else counted(source.labels, len(scenario.task.classes)),
        home_confidence=found.confidence,
        methods={name: again(plan) for name, plan in plans.items()},
        costly=frozenset(name for name, plan in plans.items() if objective(plan.objective).descended),
        effort=EFFORT,  # what a job uses
        seed=seed,
    )


def study(folder: Path, out: Path, seeds: int, console: Console) -> None:
    """Run every scenario whose recording is there, and write ``harm.json`` and ``harm.png`` after each.

    Raises:
        Refused: RECORDING_DIFFERS.
    """
    runs: list[Run] = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for scenario in SCENARIOS.values():
            if (folder / scenario.recording).is_dir():
                runs += _cell(scenario, folder, seed, out / "harm", console)
                write(runs, out)


def _cell(scenario: Scenario, folder: Path, seed: int, kept: Path, console: Console) -> list[Run]:
    """``run``, or what an earlier study wrote of the same cell."""
    file = kept / f"{scenario.name}-{seed}.json"
    if not file.is_file():
        rows = run(scenario, folder, seed, kept, console)
        file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return [Run(**row) for row in json.loads(file.read_text())]


def summary(runs: Sequence[Run]) -> dict[str, object]:
    """What the gate did, over all cells (scenario × seed).

    ``gain_kept`` is what was shipped over what the best single method gains when it is used everywhere; the sums of
    positive gains that an oracle would choose are beside it. Sums are of accuracies: R² has no lower bound to add up.
    """
    rated = [one for one in runs if not one.regression]
    shipped = [one for one in runs if one.shipped]
    defended = [one for one in runs if one.defended]
    everywhere = {
        name: sum(one.gain for one in rated if one.method == name)
        for name in dict.fromkeys(one.method for one in rated)
    }
    best = max(everywhere, key=lambda name: everywhere[name])
    cells = {(one.scenario, one.seed) for one in runs}
    likewise = {(one.scenario, one.seed) for one in rated}
    oracle = sum(max(max(one.gain for one in rated if (one.scenario, one.seed) == cell), 0) for cell in likewise)
    kept = sum(one.gain for one in shipped if not one.regression)
    return {
        "runs": len(runs),
        "cells": len(cells),
        "harmful_runs": sum(one.gain < -TOLERATED for one in runs),
        "shipped": len(shipped),
        "shipped_worse": sum(one.gain < -TOLERATED for one in shipped),
        "worst_drop": min((one.gain for one in shipped), default=0.0),
        "shipped_worse_macro_f1": sum(one.macro_f1 < -TOLERATED for one in shipped),
        "worst_drop_macro_f1": min((one.macro_f1 for one in shipped), default=0.0),
        "defended": len(defended),
        "defended_worse": sum(one.gain < -TOLERATED for one in defended),
        "best_single_method": best,
        "best_single_gain": everywhere[best],
        "shipped_gain": kept,
        "oracle_gain": oracle,
        "gain_kept": kept / everywhere[best] if everywhere[best] > 0 else None,
        "gain_kept_of_oracle": kept / oracle if oracle > 0 else None,
    }


def write(runs: Sequence[Run], out: Path) -> None:
    """``harm.json`` with the summary and every row, and ``harm.png``."""
    out.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(one), "gain": one.gain} for one in runs]
    (out / "harm.json").write_text(json.dumps({**summary(runs), "rows": rows}, indent=1) + "\n")
    draw(runs, out / "harm.png")


def draw(runs: Sequence[Run], file: Path) -> None:
    """True gain of every run by scenario: what the gate shipped, defended, and kept back."""
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(one.scenario for one in runs))
    figure, axis = plt.subplots(figsize=(10, 0.5 * len(names) + 1.6), layout="constrained")
    styles: Iterable[tuple[str, Callable[[Run], bool], dict[str, object]]] = (
        ("kept back", lambda one: not one.defended, {"color": "0.7", "s": 16}),
        ("let through", lambda one: one.defended and not one.shipped, {"color": "tab:blue", "s": 22}),
        ("shipped", lambda one: one.shipped, {"color": "tab:green", "s": 60, "marker": "D", "edgecolor": "k"}),
    )
    for label, chosen, style in styles:
        some = [one for one in runs if chosen(one)]
        offset = [0.14 * ((one.seed % 3) - 1) for one in some]
        places = [names.index(one.scenario) + shift for one, shift in zip(some, offset, strict=True)]
        axis.scatter(
            [min(max(100 * one.gain, -LIMIT), LIMIT) for one in some], places, label=f"{label} ({len(some)})", **style
        )
    axis.axvline(0, color="k", linewidth=0.8)
    axis.set(
        yticks=range(len(names)),
        yticklabels=names,
        xlabel=f"gain on the device's test, points (beyond {LIMIT}: at {LIMIT})",
    )
    axis.invert_yaxis()
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(file, dpi=80)
    plt.close(figure)
