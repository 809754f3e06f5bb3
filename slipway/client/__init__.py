"""A synchronous client of a Slipway server: numpy in, plain values out.

Example:
    >>> with connect("127.0.0.1:8471") as client:  # doctest: +SKIP
    ...     job = client.jobs.pretrain("rover", world="rover")
    ...     client.jobs.wait(job.name).result.version
    'models/rover/versions/1'
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from slipway.client.datasets import Datasets, statistics_of
from slipway.client.jobs import Jobs
from slipway.client.models import Models
from slipway.client.rollouts import Rollouts
from slipway.transport import DEFAULT_ADDRESS, ServerRefused, ServerUnreachable, open_channel

__all__ = ["Client", "ServerRefused", "ServerUnreachable", "connect", "statistics_of"]


@dataclass(frozen=True)
class Client:
    """The services of one server; close it, or use it in a ``with`` statement."""

    address: str
    datasets: Datasets
    jobs: Jobs
    models: Models
    rollouts: Rollouts
    channel: Any  # grpc.Channel

    def close(self) -> None:
        """End every call and the connection."""
        self.channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def connect(address: str = DEFAULT_ADDRESS, credentials: Any = None) -> Client:
    """A client of the server at ``address`` ("host:port"). Nothing is sent before the first call.

    Args:
        credentials: ``grpc.ChannelCredentials`` for an encrypted connection; None sends in the clear.
    """
    channel = open_channel(address, credentials)
    datasets, jobs, models = Datasets(channel, address), Jobs(channel, address), Models(channel, address)
    return Client(address, datasets, jobs, models, Rollouts(channel, address), channel)
