"""How the server is reached: in the clear or not, by which names, at which ports."""

import ipaddress
import socket
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

from service.config import Config
from slipway.errors import Reason, Refused

AUTO, ALWAYS, NEVER = "auto", "always", "never"


@dataclass(frozen=True)
class Listening:
    """Where a server answers.

    Attributes:
        enrolment_address: where those without a certificate get one; empty where nobody needs one.
        admin_folder: where the first admin's identity was written just now; empty otherwise.
    """

    address: str
    enrolment_address: str = ""
    admin_folder: str = ""

    def to_json(self) -> dict[str, str]:
        """What is set."""
        return {name: value for name, value in vars(self).items() if value}

    def words(self) -> str:
        """For people, a line for each."""
        lines = [f"slipway-server listens on {self.address}"]
        if self.enrolment_address:
            lines.append(f"who has no certificate yet enrols at {self.enrolment_address}")
        if self.admin_folder:
            lines.append(f"the first admin's identity is in {self.admin_folder}")
        return "\n".join(lines)


def speaks_tls(config: Config) -> bool:
    """Whether clients need certificates: everywhere but on this machine alone, unless the operator says otherwise.

    Raises:
        Refused: FIELD_INVALID.
    """
    if config.tls not in (AUTO, ALWAYS, NEVER):
        words = {"problem": "needs auto, always or never", "found": repr(config.tls), "remedy": "Choose one of them."}
        raise Refused(Reason.FIELD_INVALID, field="tls", **words)
    return config.tls == ALWAYS or (config.tls == AUTO and not is_loopback(config.address))


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches ``address`` ("host:port")."""
    host = host_of(address)
    try:
        return host == "localhost" or address.startswith("unix:") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(address: str) -> str:
    """The host of "host:port", without the brackets of IPv6."""
    return address.rpartition(":")[0].strip("[]")


def enrolment_address(config: Config, port: int) -> str:
    """Where to enrol when the server listens on ``port``: as configured, else the next port (any, if any was asked)."""
    host, _, asked = config.address.rpartition(":")
    return config.enrolment_address or f"{host}:{port + 1 if asked != '0' else 0}"


def server_names(config: Config) -> tuple[str, ...]:
    """Names and addresses by which clients may reach the server."""
    given = [name.strip() for name in config.tls_names.split(",") if name.strip()]
    host = host_of(config.address)
    own = [] if host in ("", "0.0.0.0", "::") else [host]
    return tuple(dict.fromkeys([*given, *own, "localhost", socket.gethostname(), *_addresses()]))


def _addresses() -> list[str]:
    cards = psutil.net_if_addrs().values()
    wanted = (socket.AF_INET, socket.AF_INET6)
    found = [each.address.partition("%")[0] for card in cards for each in card if each.family in wanted]
    return sorted({"127.0.0.1", "::1", *found})
