"""Writes the receipt: gathers what a choice among candidates left behind into one value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from adapters import catalog, scopes
from adapters.choice import STATISTICS, Chosen
from adapters.engine import Report
from adapters.gate.decision import BASE, Row, Rules
from adapters.options import Options
from adapters.receipt.gains import Gains
from adapters.receipt.receipt import Candidate, Data, Receipt, Rung, Sets
from nets.model import Model


@dataclass(frozen=True)
class Origin:
    """What an adaptation started from and what it was given.

    Args:
        base: name of the version.
        base_sha256: of its file.
        target: what the device measured.
        source: what it was compared with; None for nothing.
        prior: the simulator's prior behind the base, as JSON; None where nothing was simulated.
    """

    base: str
    base_sha256: str
    target: Data
    source: Data | None = None
    prior: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Told:
    """What was found beside the choice; each may be missing.

    Args:
        explanation: why these candidates.
        remarks: about the pool.
        diagnosis: about the sensor.
        gains: of transfer.
        sets: of classes.
    """

    explanation: str = ""
    remarks: tuple[str, ...] = ()
    diagnosis: tuple[str, ...] = ()
    gains: Gains | None = None
    sets: Sets | None = None


def account(
    base: Model,
    chosen: Chosen,
    origin: Origin,
    told: Told,
    *,
    options: Options,
    rules: Rules,
    seeds: Mapping[str, int],
    shipped: str,
    seconds: float,
) -> Receipt:
    """The receipt of a choice.

    Args:
        base: what was started from.
        chosen: what was tried and decided.
        origin: names and hashes of what went in.
        told: what was found beside it.
        options: of every candidate.
        rules: of the gate.
        seeds: of the candidates, by name.
        shipped: the candidate that becomes a version; "base" where none does.
        seconds: of all the work.
    """
    rows = {row.name: row for row in chosen.decision.evidence}
    names = [BASE, *(name for name in chosen.candidates if name != BASE)]
    candidates = [_candidate(base, name, rows.get(name), chosen, options, seeds) for name in names]
    needed = {each.name: each.int8_bytes for each in candidates}
    return Receipt(
        base=origin.base,
        base_sha256=origin.base_sha256,
        target=origin.target,
        source=origin.source,
        prior=origin.prior,
        explanation=told.explanation,
        remarks=told.remarks,
        candidates=tuple(candidates),
        decision={name: value for name, value in chosen.decision.to_json().items() if name != "evidence"},
        rules=asdict(rules),
        shipped=shipped,
        ladder=_ladder(rows, shipped, needed),
        diagnosis=told.diagnosis,
        gains=told.gains,
        sets=told.sets,
        seconds=seconds,
        size_bytes=next((each.size_bytes for each in candidates if each.name == shipped), 0),
        int8_bytes=needed.get(shipped, 0),
    )


def _candidate(
    base: Model, name: str, row: Row | None, chosen: Chosen, options: Options, seeds: Mapping[str, int]
) -> Candidate:
    evidence = {} if row is None else {field: value for field, value in asdict(row).items() if field != "name"}
    if name == BASE:
        return Candidate(BASE, "", "", {}, 0, {}, None, 0.0, 0, 0, evidence)
    report: Report = chosen.candidates[name].report
    return Candidate(
        name=name,
        scope=report.scope,
        objective=report.objective,
        options=asdict(options),
        seed=seeds.get(name, 0),
        windows=dict(report.windows),
        best_epoch=report.best_epoch,
        seconds=report.seconds,
        size_bytes=report.size_bytes,
        int8_bytes=device_bytes(base, report.scope),
        evidence=evidence,
    )


def _ladder(rows: Mapping[str, Row], shipped: str, needed: Mapping[str, int]) -> tuple[Rung, ...]:
    """From doing nothing over what costs no gradient to what was shipped."""
    names = dict.fromkeys([BASE, *STATISTICS, shipped])
    return tuple(
        Rung(name, rows[name].labelled_accuracy, rows[name].confidence, rows[name].changed, needed.get(name, 0))
        for name in names
        if name in rows
    )


def device_bytes(base: Model, text: str) -> int:
    """Bytes that the change of a scope, as it is written in a job, needs on a device whose net is int8."""
    return scopes.int8_bytes(catalog.scope(text), base)
