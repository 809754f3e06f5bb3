"""What is the same for every device of a job: the base and its home, read once."""

from dataclasses import dataclass, replace
from functools import lru_cache

from adapters.receipt.receipt import Data
from nets.model import Model
from service.domain import AdaptSpec
from service.worker.context import Context
from service.worker.pipelines.sample import Sample, source_of


@dataclass(frozen=True)
class Home:
    """Where every adaptation of a job starts.

    Args:
        base: the model; one object, so that devices may share programs.
        sample: windows of the source, and how the base did there.
        data: their name and hash.
    """

    base: Model
    sample: Sample
    data: Data


def home_of(spec: AdaptSpec, context: Context) -> Home:
    """Read the base and the source of a job.

    Raises:
        Refused: a named source whose windows do not fit.
    """
    base = Model.from_bytes(context.artifact(spec.base, "model"))
    sample, data = source_of(spec, context, base.task)
    return Home(base, sample, data)


def read_once(context: Context) -> Context:
    """``context``, which reads every file of a version once: a fleet asks for the base's again for each device."""
    return replace(context, artifact=lru_cache(maxsize=4)(context.artifact), prior=lru_cache(context.prior))
