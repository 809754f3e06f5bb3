"""Jobs."""

import uuid
from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any

from service import names, pages
from service.catalogue import jobs
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.convert import jobs as convert
from service.convert.common import need, request_key
from service.domain import ENDED
from service.watch import Watch
from slipway.v1 import jobs_pb2 as pb
from slipway.v1.jobs_pb2_grpc import JobsServicer


class Jobs(JobsServicer):
    """Enters jobs for the workers and tells how they go."""

    def __init__(self, catalogue: Catalogue, watch: Watch[str, int]) -> None:
        self._catalogue = catalogue
        self._watch = watch

    async def CreateJob(self, request: pb.CreateJobRequest, context: Any) -> pb.Job:
        """Enter a job."""
        need(request, "job", "job")
        spec, key = convert.spec_from(request.job), request_key(request, request.request_id)
        job_id = f"j{uuid.uuid4().hex[:16]}"
        return convert.job_to(await to_thread(self._catalogue.write, jobs.create, job_id, spec, key, now_us()))

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> pb.Job:
        """Return one job."""
        job_id = names.job_id(request.name, "name")
        return convert.job_to(await to_thread(self._catalogue.read, jobs.get, job_id))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Any) -> pb.ListJobsResponse:
        """List jobs, newest first."""
        limit, after = pages.size(request.page_size), pages.after_number(request.page_token, "jobs")
        rows = await to_thread(self._catalogue.read, jobs.page, after, limit + 1)
        page, token = pages.page(rows, limit, "jobs", lambda row: str(row.number), convert.job_to)
        return pb.ListJobsResponse(jobs=page, next_page_token=token)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Any) -> pb.Job:
        """Ask a job to stop."""
        job_id = names.job_id(request.name, "name")
        return convert.job_to(await to_thread(self._catalogue.write, jobs.cancel, job_id, now_us()))

    async def WatchJob(self, request: pb.WatchJobRequest, context: Any) -> AsyncIterator[pb.Job]:
        """Send a job now and whenever it changes, until it has ended."""
        job_id = names.job_id(request.name, "name")
        job = await to_thread(self._catalogue.read, jobs.get, job_id)
        yield convert.job_to(job)
        if job.state in ENDED:
            return
        with self._watch.on(job_id) as revisions:
            async for _ in revisions:
                before, job = job, await to_thread(self._catalogue.read, jobs.get, job_id)
                if job != before:
                    yield convert.job_to(job)
                if job.state in ENDED:
                    return
