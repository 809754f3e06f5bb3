"""A worker inside the test, for a server that has none of its own."""

from collections.abc import Callable
from typing import Any

from service.blobs import open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.domain import JobSpec, Outcome
from service.worker.context import Context
from service.worker.loop import Workplace, run_next
from slipway.v1 import jobs_pb2 as pb
from tests.service.pipelines import PIPELINES
from tests.service.process import TIMEOUT, ServerProcess


def place_of(server: ServerProcess, **own: Callable[[JobSpec, Context], Outcome]) -> Workplace:
    """A workplace on the server's folder."""
    config = server.config
    catalogue = Catalogue(database_url(config.database_url, config.data_folder))
    blobs = open_blobs(config.blob_url, config.data_folder)
    return Workplace(catalogue, blobs, config, {**PIPELINES, **own}, "in the test")


def create_job(server: ServerProcess, request_id: str = "", **spec: Any) -> Any:
    """Create a job of the kind that ``spec`` names."""
    request = pb.CreateJobRequest(job=pb.Job(**spec), request_id=request_id)
    return server.jobs.CreateJob(request, timeout=TIMEOUT)


def run_job(server: ServerProcess, **spec: Any) -> Any:
    """Create a job, run it here, return how it ended."""
    job = create_job(server, **spec)
    place = place_of(server)
    while run_next(place):
        pass
    place.catalogue.close()
    return server.jobs.GetJob(pb.GetJobRequest(name=job.name), timeout=TIMEOUT)


def pretrain(model: str = "m", seed: int = 0) -> dict[str, pb.PretrainSpec]:
    """The smallest spec."""
    return {"pretrain": pb.PretrainSpec(model_id=model, world=pb.WorldSource(world="rover"), seed=seed)}
