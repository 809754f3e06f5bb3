"""The parts of a server that speaks TLS. Imported only by one that does."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import grpc

from service.catalogue import identities
from service.catalogue.engine import Catalogue
from service.clock import now_us
from service.config import Config
from service.identity import credentials
from service.identity.authority import Authority, open_authority
from service.identity.doorkeeper import Doorkeeper
from service.identity.enrolment import ADMIN, first_admin
from service.identity.lines import server_names
from service.identity.values import Role
from slipway.errors import Reason, Refused
from slipway.identity.folder import Identity, Named, save

FOLDER = "identity"
LONGEST_POLL_SECONDS = 0.5  # a revoked certificate is refused within a second


@dataclass(frozen=True)
class Security:
    """Who signs, and who knows the callers.

    Attributes:
        authority: the built-in CA; ``None`` where certificates are made elsewhere.
        admin_folder: where the first admin's identity was written just now.
    """

    config: Config
    authority: Authority | None
    keeper: Doorkeeper
    admin_folder: str

    def credentials(self) -> grpc.ServerCredentials:
        """For the port where everybody shows a certificate."""
        if self.authority is None:
            return credentials.from_files(_files(self.config))
        return credentials.from_authority(self.authority, clients=True)

    def need_authority(self) -> Authority:
        """The built-in CA.

        Raises:
            Refused: ENROLMENT_CLOSED, where there is none.
        """
        if self.authority is None:
            problem = "its certificates are made by another CA"
            remedy = "Ask whoever runs that CA for a certificate."
            raise Refused(Reason.ENROLMENT_CLOSED, field="identity", problem=problem, remedy=remedy)
        return self.authority

    def enrolment_credentials(self) -> grpc.ServerCredentials:
        """For the port where nobody does."""
        assert self.authority is not None
        return credentials.from_authority(self.authority, clients=False)


def open_security(config: Config, catalogue: Catalogue) -> Security:
    """The built-in CA, made at the first start, or the one outside that the operator names.

    Raises:
        Refused: FIELD_INVALID.
    """
    catalogue.write(identities.forget_tokens, now_us())
    keeper = Doorkeeper(catalogue, any(_files(config)), min(config.poll_seconds, LONGEST_POLL_SECONDS))
    if any(_files(config)):
        return Security(config, None, keeper, "")
    authority = open_authority(config.data_folder / FOLDER, partial(datetime.now, UTC), server_names(config))
    folder = config.data_folder / FOLDER / ADMIN
    made = first_admin(catalogue, authority, partial(_write_identity, folder))
    return Security(config, authority, keeper, str(folder) if made else "")


def _files(config: Config) -> credentials.Files:
    return credentials.Files(config.tls_certificate, config.tls_key, config.tls_client_ca)


def _write_identity(folder: Path, key: bytes, certificate: bytes, ca: bytes) -> None:
    save(folder, Identity(key, certificate, ca), Named(ADMIN, Role.ADMIN))
