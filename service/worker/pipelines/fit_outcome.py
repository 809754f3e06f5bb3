"""What came of a search for a device: a version that devices install, a table, and words."""

from dataclasses import replace

from export.fit.cost import Cost, cost_of_layers
from export.fit.delivery import Delivery
from export.fit.report import Told
from export.fit.search import Fitted
from nets.model import parameter_count
from service.domain import DataReference, FitCandidate, FitSpec, Fitting, Lineage, NewVersion
from service.names import version_name
from service.worker.context import StoredWindows
from service.worker.pipelines.fit_windows import Given
from service.worker.pipelines.sample import decode, encode
from slipway.bundle.manifest import Scalar
from slipway.errors import Refused


def version(spec: FitSpec, given: Given, made: Delivery, page: bytes) -> NewVersion:
    """The version, with all that devices run.

    Args:
        spec: what was asked for.
        given: what the search started from.
        made: the files of the net.
        page: the report.
    """

    def numbered(number: int) -> dict[str, bytes]:
        lineage = {"version": version_name(spec.model_id, number), **_lineage(spec, given, made.found)}
        return {"bundle": made.bundle(model=spec.model_id, version=str(number), lineage=lineage)}

    return NewVersion(
        model_id=spec.model_id,
        task=given.base.task.to_json(),
        lineage=Lineage(f"{chosen(made.found)}, distilled", spec.seed, spec.base, _references(given)),
        parameter_count=parameter_count(made.found.model),
        files={**made.files, "report": page, **_source(given)},
        numbered=numbered,
    )


def fitting(found: Fitted) -> Fitting:
    """The search as the job's result keeps it: the most accurate net first, then what was not tried by its size."""
    rows = tuple(
        FitCandidate(
            name=row.name,
            flash_bytes=row.cost.flash_bytes,
            ram_bytes=row.cost.ram_bytes,
            instruction_count=row.cost.instructions,
            step_count=row.steps,
            accuracy=row.accuracy,
            int8_accuracy=row.int8_accuracy,
            fits=row.fits,
            fate=row.fate,
        )
        for row in found.rows
    )
    return Fitting(chosen(found), found.accuracy, found.base_accuracy, tuple(sorted(rows, key=_order)))


def told(spec: FitSpec, given: Given, found: Fitted, seconds: float) -> Told:
    """What the report says beside the search itself."""
    place = [("calibrated on", given.place.name, given.place.sha256)] if given.place else []
    return Told(
        title=f"{spec.model_id} for {found.profile.name}",
        base=spec.base,
        base_cost=_base_cost(given, found),
        learning_count=len(given.learning.values),
        judging_count=len(given.judging.values),
        labelled=given.labelled,
        seconds=seconds,
        origin=(
            ("base", spec.base, ""),
            ("windows", f"{given.stored.name}, {len(given.stored.values):,} windows", given.stored.sha256),
            *place,
            ("device", str(found.profile), ""),
            ("seed", str(spec.seed), ""),
        ),
    )


def explanation(given: Given, found: Fitted) -> str:
    """What the net takes, who says so, and who judged it, in sentences for a terminal."""
    milliseconds = 1000 * found.cost.instructions / found.profile.instructions_per_s
    how = f"measured on an emulated {found.profile.core}" if found.cost.measured else "by estimate"
    taken = f"{found.cost.flash_bytes / 1000:.1f} kB of flash, {found.cost.ram_bytes / 1000:.1f} kB of memory"
    whose = "labels" if given.labelled else "the base's own answers, as there are no labels"
    return (
        f"The net takes {taken} and {milliseconds:.3g} ms an inference on {found.profile.name}, {how}. "
        f"{len(given.judging.values):,} windows held out decided, by {whose}."
    )


def chosen(found: Fitted) -> str:
    """The name of the net."""
    return next(row.name for row in found.rows if row.fate == "chosen")


def _lineage(spec: FitSpec, given: Given, found: Fitted) -> dict[str, Scalar]:
    """As the manifest holds it."""
    named = {"dataset": given.stored, **({"calibration": given.place} if given.place else {})}
    data = {key: value for name, stored in named.items() for key, value in _hashed(name, stored).items()}
    return {"base": spec.base, "candidate": chosen(found), **data}


def _hashed(name: str, stored: StoredWindows) -> dict[str, Scalar]:
    return {name: stored.name, f"{name}_sha256": stored.sha256}


def _references(given: Given) -> tuple[DataReference, ...]:
    read = (given.stored, *((given.place,) if given.place else ()))
    return tuple(DataReference(stored.name, stored.sha256, len(stored.values)) for stored in read)


def _source(given: Given) -> dict[str, bytes]:
    """Later adaptations compare with the base's source; how sure this net is there, nobody has measured."""
    return {"source": encode(replace(decode(given.source), confidence=None))} if given.source else {}


def _base_cost(given: Given, found: Fitted) -> Cost | None:
    try:
        return cost_of_layers(given.base.task, given.base.layers, found.profile.core)
    except Refused:  # not every base can be written as C
        return None


def _order(row: FitCandidate) -> tuple[float, int]:
    judged = row.accuracy if row.int8_accuracy is None else row.int8_accuracy
    return (float("inf") if judged is None else -judged, -row.flash_bytes)
