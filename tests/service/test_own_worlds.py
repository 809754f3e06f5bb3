"""A server with a world of its operator's own: its worker offers it, jobs are compared with it, it is identified."""

from collections.abc import Callable

import jax
import pytest

from service.catalogue import worlds
from service.catalogue.engine import Catalogue, database_url
from sim.catalog import WORLDS
from sim.generate import windows
from slipway.client import connect
from slipway.v1 import jobs_pb2 as pb
from tests.service.process import ServerProcess, refusal, wait_for
from tests.service.regressions import SENSOR, SPRING, TASK
from tests.service.work import create_job

MOON = {"identify": pb.IdentifySpec(world="moon", dataset="datasets/device")}


@pytest.mark.slow
def test_a_world_of_ones_own_is_offered_checked_and_identified(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(worker_count=1, worlds="tests.service.regressions:SPRING,no.such:WORLD")
    true = SPRING.prior.replace(stiffness_n_m=7.0, damping_n_s_m=1.5)
    values, forces = windows(SPRING, jax.random.key(5), 256, true)
    with connect(server.address) as client:
        client.datasets.create("device", SENSOR, outputs=TASK.outputs)
        client.datasets.upload_windows("device", values, forces)
        catalogue = Catalogue(database_url("", server.folder))
        known = wait_for(lambda: catalogue.read(worlds.known), 120.0)
        catalogue.close()
        assert set(known) == {*WORLDS, "spring"}
        assert known["spring"].task == TASK and known["spring"].explains
        _, info, _ = refusal(lambda: create_job(server, **MOON))
        assert info.reason == "FIELD_INVALID" and "spring" in info.metadata["remedy"]
        job = client.jobs.wait(client.jobs.identify("spring", "device").name)
        assert job.state == "SUCCEEDED", job.error
        assert job.result is not None and job.result.identification is not None
        stiffness, _ = job.result.identification.marginals
        assert stiffness.low <= 7.0 <= stiffness.high and stiffness.determined
        base = client.jobs.pretrain(
            "spring", world="spring", window_count=512, epoch_count=1, architecture="mlp", identification=job.name
        )
        assert base.spec["world"]["prior"] == job.result.identification.prior
        version = client.jobs.wait(base.name).result
        assert version is not None and client.models.get("spring").task == TASK
    assert "no.such:WORLD" in server.log.read_text()
