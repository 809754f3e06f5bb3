"""Find the best net for a device: it learns from a base, and comes with all that the device runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from export.fit.delivery import deliver
from export.fit.halving import Effort, Step
from export.fit.profile import PROFILES, Profile, profile_named
from export.fit.report import report
from export.fit.search import fit
from service.convert.devices import LIMITS
from service.domain import FitSpec, Outcome, Progress
from service.worker.context import Context
from service.worker.pipelines.fit_outcome import explanation, fitting, told, version
from service.worker.pipelines.fit_windows import given_to
from service.worker.pipelines.recording import SELF_TEST_COUNT, spread
from service.worker.pipelines.stages import Stages
from slipway.errors import Refused

# What the search calls its arguments: fields of the job.
FIELDS = {
    **{f"profile.{key}": f"profile.{field}" for field, key in LIMITS.items()},
    "effort.candidates": "effort.candidate_count",
    "effort.steps": "effort.round_step_counts",
    **dict.fromkeys(("values", "values.labels", "held_out", "held_out.labels"), "dataset"),
}


def fit_device(spec: FitSpec, context: Context) -> Outcome:
    """Search, prove what was found, and make a version of it that devices install. A killed attempt begins again.

    Raises:
        Refused: a device that cannot be, windows that do not fit or are too few, or NOTHING_FITS with the limit that
            binds.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    with stages.stage("reading"), _as_asked():
        profile, effort = _profile(spec.profile), _effort(spec.effort)
        given = given_to(spec, context, effort.held_out_share)
    with stages.stage("searching"), _as_asked():
        found = fit(
            given.base,
            profile,
            given.learning.values,
            given.learning.labels,
            held_out=given.judging,
            calibration_values=given.calibrating,
            effort=effort,
            seed=spec.seed,
            progress=_reporter(context),
            should_stop=context.should_stop,
        )
    with stages.stage("proving"):
        made = deliver(found, given.proving, given.proving[spread(len(given.proving), SELF_TEST_COUNT)])
    with stages.stage("reporting"):
        page = report(found, told(spec, given, found, stages.seconds["searching"]))
    return Outcome(
        version=version(spec, given, made, page.encode()),
        fitting=fitting(found),
        explanation=explanation(given, found),
        stage_seconds=stages.seconds,
    )


def _profile(described: Mapping[str, Any]) -> Profile:
    if described["name"] not in PROFILES:
        return Profile.from_json(described)
    changes = {key: tuple(value) if key == "operators" else value for key, value in described.items() if key != "name"}
    return profile_named(described["name"], **changes)


def _effort(described: Mapping[str, Any]) -> Effort:
    steps = {"steps": tuple(described["steps"])} if "steps" in described else {}
    return Effort(**{**described, **steps})


def _reporter(context: Context) -> Callable[[Step], None]:
    """Short of the whole after the last round: finalists have yet to be quantized and built."""
    return lambda step: context.report(
        Progress("searching", step.done / (step.total + 1), validation_accuracy=step.accuracy)
    )


@contextmanager
def _as_asked() -> Iterator[None]:
    """Refusals name the fields of the job."""
    try:
        yield
    except Refused as refused:
        field = FIELDS.get(refused.field, refused.field)
        raise Refused(refused.reason, field=f"job.fit.{field}", **refused.details) from None
