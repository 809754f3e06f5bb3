"""An adapted model as a new version of its base's line."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from adapters import delta
from nets.model import Model, parameter_count
from service.domain import AdaptSpec, DataReference, Lineage, NewVersion, Outcome
from service.worker.context import Context


def adapted(
    spec: AdaptSpec,
    context: Context,
    base: Model,
    model: Model,
    *,
    name: str,
    data: DataReference,
    files: Mapping[str, bytes],
    factors: Mapping[str, npt.NDArray[np.float32]] | None = None,
    **rest: Any,
) -> Outcome:
    """The outcome that enters an adapted model as a new version of its base's line.

    Args:
        name: the candidate that the model is.
        data: what it was fitted to.
        files: receipt and report.
        factors: learned in place of some of the model's arrays.
        rest: the other fields of ``Outcome``.
    """
    adapter = delta.to_bytes(base, model, factors)
    version = NewVersion(
        model_id=spec.base.split("/")[1],
        task=base.task.to_json(),
        lineage=Lineage(name, spec.seed, spec.base, (data,), "", rest.get("decision")),
        parameter_count=parameter_count(model),
        files={"model": model.to_bytes(), "adapter": adapter, "source": context.artifact(spec.base, "source"), **files},
    )
    return Outcome(version=version, adapter_size_bytes=len(adapter), **rest)
