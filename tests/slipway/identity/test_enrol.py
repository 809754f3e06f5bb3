"""A device's and a person's side: enrol, show, renew, and the commands for it, against a real server."""

import json
import socket
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.identity.values import Role
from slipway.cli import main as command_line
from slipway.errors import Reason, Refused
from slipway.identity.enrol import enrol, renew_if_due, utc_now
from slipway.identity.folder import credentials, load, owner_id
from slipway.identity.request import belong_together, names_of, read_owner
from slipway.transport import ServerRefused, ServerUnreachable
from tests.service.identity.town import Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("town"))
    yield town
    town.close()


def test_a_device_gets_a_folder_that_only_it_reads(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    owner = enrol(town.enrolment_address, town.token("rover-7") + "\n", folder)
    assert (owner.id, owner.role, owner_id(folder)) == ("rover-7", "DEVICE", "rover-7")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    held = load(folder)
    assert belong_together(held.key, held.certificate)
    (folder / "identity.json").unlink()
    assert owner_id(folder) == "rover-7", "a folder made by hand is read all the same"


def test_an_identity_is_not_written_over(town: Town, tmp_path: Path) -> None:
    enrol(town.enrolment_address, town.token("rover-first"), tmp_path / "x")
    before = load(tmp_path / "x")
    with pytest.raises(Refused) as caught:
        enrol(town.enrolment_address, town.token("rover-second"), tmp_path / "x")
    assert caught.value.reason == Reason.IDENTITY_EXISTS
    assert load(tmp_path / "x") == before


class Listener:
    """Passes connections on to the real server and counts them."""

    def __init__(self, target: str) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.count = 0
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            far = socket.create_connection(self._target)
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._socket.close()


def test_a_server_with_another_ca_is_told_nothing(town: Town, tmp_path: Path) -> None:
    """One look at its certificates, and no second connection that could carry the secret."""
    listener = Listener(town.enrolment_address)
    secret, _, sha256 = town.token("rover-wary").partition(".")
    with pytest.raises(Refused) as caught:
        enrol(listener.address, f"{secret}.{'0' * 64}", tmp_path / "x")
    assert caught.value.reason == Reason.SERVER_NOT_TRUSTED
    assert (listener.count, (tmp_path / "x").exists()) == (1, False)
    enrol(listener.address, f"{secret}.{sha256}", tmp_path / "x")
    assert listener.count == 3, "the right one is looked at, then told; the token was still good"
    listener.close()


def test_one_who_shows_the_servers_chain_without_its_key_gets_nothing(town: Town, tmp_path: Path) -> None:
    """Showing the CA is not enough: the second handshake asks for a certificate that it signed."""
    from service.identity.authority import open_authority

    real, secret = town.authority(), town.token("rover-mitm").partition(".")[0]
    fake = open_authority(tmp_path / "fake", utc_now, ("localhost", "127.0.0.1"))
    key, chain, _ = fake.server()
    (tmp_path / "both.pem").write_bytes(key + chain + real.pem)
    heard, address, close = _tls_listener(tmp_path / "both.pem")
    with pytest.raises(ServerUnreachable):
        enrol(address, f"{secret}.{real.sha256}", tmp_path / "x")
    close()
    assert not any(secret.encode() in each for each in heard)


def _tls_listener(pem: Path):  # type: ignore[no-untyped-def]
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(["h2"])
    listener, heard = socket.create_server(("127.0.0.1", 0)), []

    def run() -> None:
        while True:
            try:
                line = context.wrap_socket(listener.accept()[0], server_side=True)
                heard.append(line.recv(65536))
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=run, daemon=True).start()
    return heard, f"127.0.0.1:{listener.getsockname()[1]}", listener.close


def test_it_is_renewed_when_two_thirds_have_passed(town: Town, tmp_path: Path) -> None:
    owner = enrol(town.enrolment_address, town.token("rover-old"), tmp_path / "x")
    key = load(tmp_path / "x").key
    lifetime = owner.end - owner.begin
    assert renew_if_due(town.address, tmp_path / "x", lambda: owner.begin + 0.66 * lifetime) is None
    renewed = renew_if_due(town.address, tmp_path / "x", lambda: owner.begin + 0.67 * lifetime)
    assert renewed is not None and renewed.id == owner.id
    assert renewed.serial_number != owner.serial_number
    assert read_owner(load(tmp_path / "x").certificate) == renewed
    assert load(tmp_path / "x").key == key


def test_renewing_without_end_is_refused(town: Town, tmp_path: Path) -> None:
    owner = enrol(town.enrolment_address, town.token("rover-loop"), tmp_path / "x")
    for _ in range(7):
        renew_if_due(town.address, tmp_path / "x", lambda: owner.end)
    with pytest.raises(ServerRefused, match="8 certificates that hold"):
        renew_if_due(town.address, tmp_path / "x", lambda: owner.end)


def test_a_gateways_names_stay_when_it_renews(town: Town, tmp_path: Path) -> None:
    names = ("192.0.2.50", "shed.example")
    owner = enrol(town.enrolment_address, town.token("shed", Role.GATEWAY), tmp_path / "x", names)
    assert set(names_of(load(tmp_path / "x").certificate)) == set(names)
    renew_if_due(town.address, tmp_path / "x", lambda: owner.end - timedelta(days=1))
    assert set(names_of(load(tmp_path / "x").certificate)) == set(names)


def test_outside_loopback_one_needs_an_identity_or_says_that_one_wants_none() -> None:
    with pytest.raises(Refused) as caught:
        credentials("192.0.2.7:8471")
    assert caught.value.reason == Reason.IDENTITY_MISSING
    assert "slipway identity enrol" in caught.value.remedy
    assert credentials("192.0.2.7:8471", "none") is None
    assert credentials("127.0.0.1:8471") is None


@pytest.mark.parametrize("missing", ["key.pem", "certificate.pem", "ca.pem"])
def test_a_broken_folder_says_what_is_missing(town: Town, tmp_path: Path, missing: str) -> None:
    enrol(town.enrolment_address, town.token(f"rover-{missing[:2]}"), tmp_path / "x")
    (tmp_path / "x" / missing).unlink()
    with pytest.raises(Refused, match=missing):
        credentials(town.address, str(tmp_path / "x"))


def test_the_commands(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Token, enrol, show, list, revoke; and another command with the identity."""
    admin = str(town.folder / "data" / "identity" / "admin")

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["slipway", *arguments])
        try:
            command_line.main()
        except SystemExit as end:
            assert int(end.code or 0) == code
        return capfd.readouterr().out

    monkeypatch.setenv("SLIPWAY_SERVER", town.address)
    token = run("identity", "token", "rover-cli", "--role", "device", "--ttl", "5m", "--identity", admin).strip()
    device = str(tmp_path / "rover")
    monkeypatch.setenv("SLIPWAY_TOKEN", token)
    run("identity", "enrol", "--server", town.enrolment_address, "--folder", device)
    assert json.loads(run("identity", "show", "--folder", device, "--json"))["id"] == "rover-cli"
    assert json.loads(run("identity", "renew", "--folder", device, "--if-due", "--json"))["id"] == "rover-cli"
    refused = json.loads(run("dataset", "list", "--identity", device, "--json", code=1))
    assert refused["error"]["reason"] == "PERMISSION_DENIED"
    assert json.loads(run("dataset", "list", "--identity", admin, "--json")) == []
    assert "rover-cli" in run("identity", "list", "--identity", admin)
    monkeypatch.setenv("SLIPWAY_IDENTITY", admin)
    assert json.loads(run("identity", "revoke", "rover-cli", "--json"))["state"] == "REVOKED"
