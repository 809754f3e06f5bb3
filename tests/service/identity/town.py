"""A server that speaks TLS, and the people and machines that talk to it, each with a folder and connections."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc

from service.identity import profile
from service.identity.authority import Authority, key_pem, open_authority
from service.identity.values import Role
from slipway.identity import people
from slipway.identity.enrol import enrol, utc_now
from slipway.identity.folder import Identity, Named, credentials, save
from slipway.v1 import datasets_pb2_grpc, identities_pb2, identities_pb2_grpc, jobs_pb2_grpc, updates_pb2_grpc
from tests.service.process import ServerProcess


class Town:
    """One server and all who talk to it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.server = ServerProcess(folder / "data", tls="always", **settings).start()
        ready = json.loads((folder / "data" / "server.json").read_text())
        self.address, self.enrolment_address = ready["address"], ready.get("enrolment_address", "")
        self._channels: list[grpc.Channel] = []

    def authority(self, clock: Callable[[], datetime] = utc_now) -> Authority:
        """The server's own CA: whoever has it may sign anything."""
        return open_authority(self.folder / "data" / "identity", clock, ())

    def token(self, identity_id: str, role: Role = Role.DEVICE) -> str:
        """A token, as the admin gets it."""
        return people.create_token(self.admin.channel, self.address, identity_id, role.name, 600).token

    def enrolled(self, identity_id: str, role: Role = Role.DEVICE) -> "Person":
        """Somebody with a fresh identity."""
        enrol(self.enrolment_address, self.token(identity_id, role), self.folder / identity_id)
        return self.person(self.folder / identity_id)

    def made(self, name: str, role: Role, authority: Authority, ca: bytes = b"") -> "Person":
        """Somebody whose certificate was signed by ``authority``, past the server."""
        key = profile.new_key()
        certificate = authority.enrol(key.public_key(), name, role).public_bytes(profile.Encoding.PEM)
        folder = self.folder / f"made-{len(self._channels)}"
        save(folder, Identity(key_pem(key), certificate, ca or authority.pem), Named(name, role))
        return self.person(folder)

    def person(self, folder: Path) -> "Person":
        """Somebody with the identity in ``folder``."""
        channel = grpc.secure_channel(self.address, credentials(self.address, str(folder)))
        self._channels.append(channel)
        return Person(channel, folder)

    @property
    def admin(self) -> "Person":
        """The first admin."""
        return self.person(self.folder / "data" / "identity" / "admin")

    def door(self) -> Any:
        """A client of Identities on the enrolment port, without a certificate."""
        ca = self.authority().pem
        channel = grpc.secure_channel(self.enrolment_address, grpc.ssl_channel_credentials(ca))
        self._channels.append(channel)
        return identities_pb2_grpc.IdentitiesStub(channel)

    def close(self) -> None:
        """End it all."""
        for channel in self._channels:
            channel.close()
        self.server.kill()


class Person:
    """Clients of every service on one connection."""

    def __init__(self, channel: grpc.Channel, folder: Path) -> None:
        self.channel, self.folder = channel, folder
        self.datasets: Any = datasets_pb2_grpc.DatasetsStub(channel)
        self.jobs: Any = jobs_pb2_grpc.JobsStub(channel)
        self.updates: Any = updates_pb2_grpc.UpdatesStub(channel)
        self.identities: Any = identities_pb2_grpc.IdentitiesStub(channel)


def yesterday(days: float) -> datetime:
    """So many days ago."""
    return datetime.now(UTC) - timedelta(days=days)


def identity(name: str) -> Any:
    """A request for an identity's revocation."""
    return identities_pb2.RevokeIdentityRequest(name=f"identities/{name}")
