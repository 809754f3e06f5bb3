"""The receipt and the report of an adaptation, as files beside its version or its job."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from adapters.choice import Chosen
from adapters.gate.decision import BASE, Rules
from adapters.options import Options
from adapters.receipt.account import Origin, Told, account
from adapters.receipt.receipt import Data, Receipt
from adapters.receipt.remarks import remarks
from adapters.receipt.report import Pools, report
from nets.inference import logits
from nets.model import Model
from service.domain import AdaptSpec
from service.worker.context import Context, StoredWindows
from service.worker.pipelines.sample import Sample
from slipway.windows import Answers, Values, answered


@dataclass(frozen=True)
class Task:
    """A base, the device's windows, and what the base learned from.

    Args:
        base: the model.
        target: what the device measured.
        values: its windows, checked.
        labels: their answers; None when nobody said anything.
        source: windows of the source, as far as they may be compared with.
        source_data: their name and hash; None where there are none.
        confidence: the base's mean confidence on held-out source windows; None where nobody measured it.
    """

    base: Model
    target: StoredWindows
    values: Values
    labels: Answers | None
    source: Sample | None
    source_data: Data | None
    confidence: float | None


def origin_of(spec: AdaptSpec, context: Context, target: StoredWindows, source: Data | None) -> Origin:
    """Names and hashes of what goes into an adaptation."""
    prior = context.prior(spec.base)
    labelled = int(np.count_nonzero(answered(np.asarray(target.labels))))
    return Origin(
        base=spec.base,
        base_sha256=hashlib.sha256(context.artifact(spec.base, "model")).hexdigest(),
        target=Data(target.name, target.sha256, len(target.values), labelled),
        source=source,
        prior=json.loads(prior) if prior else None,
    )


def noticed(task: Task) -> tuple[str, ...]:
    """What the pool lacks, in sentences."""
    scores = logits(task.base, task.values)
    answers = scores.argmax(1) if task.base.task.classes else np.zeros(0, np.int64)
    return remarks(task.base.task, task.values, task.labels, answers)


def papers(
    task: Task,
    chosen: Chosen,
    origin: Origin,
    told: Told,
    *,
    options: Options,
    rules: Rules,
    seeds: dict[str, int],
    shipped: str,
    model: Model,
    seconds: float,
    drawn: bool = True,
) -> dict[str, bytes]:
    """Receipt and, where it is to be ``drawn``, report, by the names of their files. See
    ``adapters.receipt.account.account``.
    """
    receipt = account(
        task.base,
        chosen,
        origin,
        told,
        options=options,
        rules=rules,
        seeds=seeds,
        shipped=shipped,
        seconds=seconds,
    )
    files = {"receipt": receipt.to_bytes()}
    return {**files, "report": _report(task, chosen, receipt, model).encode()} if drawn else files


def _report(task: Task, chosen: Chosen, receipt: Receipt, model: Model) -> str:
    """Shows what was shipped, or else what came nearest to it."""
    shown = receipt.shipped if receipt.shipped != BASE else receipt.nearest()
    if model is task.base and shown in chosen.candidates:
        model = chosen.candidates[shown].model
    source = None if task.source is None else task.source.values
    return report(receipt, task.base, model, Pools(task.values, task.labels, source), shown=shown)
