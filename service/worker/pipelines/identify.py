"""Fit a simulator's prior to a recording, and say how far the recording can be trusted to come out of it."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from service.convert.common import within
from service.domain import Identification, IdentifySpec, Outcome, Progress
from service.sensors import check_alike
from service.worker.context import Cancelled, Context, StoredWindows
from service.worker.pipelines.stages import Stages
from service.worker.pipelines.worlds import prior_of, world_named
from sim.identify import paired, unpaired
from sim.identify.fit import Fit
from sim.identify.report import report
from sim.priors import Prior
from sim.world import World
from slipway.errors import Reason, Refused
from slipway.windows import Values, answered, check_values

SIMULATION_COUNT = 20_000


def identify(spec: IdentifySpec, context: Context) -> Outcome:
    """Fit the prior; the report and the fit become files of the job.

    Raises:
        Refused: an unknown world or parameter, windows of another sensor, targets that are missing, or a recording
            that is too short.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    with stages.stage("reading"):
        world = world_named(spec.world, context, "identify.world")
        stored = context.dataset(spec.dataset)
        check_alike(stored.sensor, world.task.sensor, "identify.dataset", "world")
        prior = prior_of(world, spec.prior)
        values = check_values(np.asarray(stored.values), world.task.sensor, "identify.dataset")
        method = spec.method or _method(world, stored)
    with stages.stage("fitting"), within("identify"):
        if method == "paired":
            fit = _paired(world, stored, values, prior, spec)
        else:
            fit = _unpaired(world, values, prior, spec, context)
    with stages.stage("reporting"):
        text = json.dumps(fit.to_json(), indent=1, sort_keys=True)
        files = {"report": report(fit, world, values).encode(), "fit": text.encode()}
    return Outcome(identification=_kept(json.loads(text)), artifacts=files, stage_seconds=stages.seconds)


def _kept(plain: dict[str, Any]) -> Identification:
    """What the job's result keeps of a fit; the rest is in its file."""
    kept = {each.name: plain[each.name] for each in fields(Identification)}
    return Identification(**{**kept, "marginals": tuple(plain["marginals"])})


def _method(world: World, stored: StoredWindows) -> str:
    """Paired is sharper, where the physics explains its answers and the recording holds them."""
    told = stored.outputs == world.task.outputs and answered(np.asarray(stored.labels)).any()
    return "paired" if world.explain is not None and world.task.outputs and told else "unpaired"


def _paired(world: World, stored: StoredWindows, values: Values, prior: Prior, spec: IdentifySpec) -> Fit:
    targets = np.asarray(stored.labels)
    if targets.ndim != 2 or not answered(targets).any():
        raise Refused(Reason.LABELS_MISSING, field="dataset", found=0, name=stored.name, expected="some")
    return paired.fit(world, values, targets, prior=prior, seed=spec.seed)


def _unpaired(world: World, values: Values, prior: Prior, spec: IdentifySpec, context: Context) -> Fit:
    return unpaired.fit(
        world,
        values,
        names=spec.names or None,
        prior=prior,
        simulations=spec.simulation_count or SIMULATION_COUNT,
        seed=spec.seed,
        progress=_telling(context),
    )


def _telling(context: Context) -> Callable[[float], None]:
    def tell(share: float) -> None:
        if context.should_stop():
            raise Cancelled
        context.report(Progress("fitting", share))

    return tell
