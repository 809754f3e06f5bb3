"""Keys: files for their owner only, the right key or none, and no word of a secret anywhere."""

import logging
import stat
from pathlib import Path

import pytest

from service.trust import keys
from slipway.errors import Refused


def test_a_key_is_for_its_owner_only(tmp_path: Path) -> None:
    made = keys.generate(tmp_path / "gate.pem")
    assert stat.S_IMODE((tmp_path / "gate.pem").stat().st_mode) == 0o600
    again = keys.load(tmp_path / "gate.pem")
    assert again.public_key == made.public_key
    again.public_key.verify_signature(made.sign(b"data"), b"data")
    with pytest.raises(FileExistsError):
        keys.generate(tmp_path / "gate.pem")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    keys.generate(tmp_path / "gate.pem")
    (tmp_path / "gate.pem").chmod(mode)
    with pytest.raises(Refused, match="others may use it"):
        keys.load(tmp_path / "gate.pem")


def test_the_public_half_travels(tmp_path: Path) -> None:
    made = keys.generate(tmp_path / "gate.pem")
    assert keys.public((tmp_path / "gate.pem.pub.json").read_bytes()) == made.public_key


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"7", b'{"keyid": 1}'])
def test_what_is_no_public_key_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        keys.public(data)


def test_a_uri_reaches_the_key_that_the_metadata_names(tmp_path: Path) -> None:
    made, other = keys.generate(tmp_path / "a"), keys.generate(tmp_path / "b")
    for uri in (f"{tmp_path}/a", f"file2:{tmp_path}/a"):
        assert keys.reach(uri, made.public_key).sign(b"x") == made.sign(b"x")
        with pytest.raises(Refused):
            keys.reach(uri, other.public_key)
    with pytest.raises(Refused, match="cannot be reached"):
        keys.reach("nowhere:key", made.public_key)


def test_secrets_stay_out_of_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = keys.generate(tmp_path / "gate.pem")
    pem = (tmp_path / "gate.pem").read_text()
    secret = pem.splitlines()[1]
    said = [repr(made), str(made), repr(keys.load(tmp_path / "gate.pem"))]
    (tmp_path / "gate.pem").write_text(pem.replace("BEGIN PRIVATE", "BEGIN BROKEN"))
    for act in (
        lambda: keys.load(tmp_path / "gate.pem"),
        lambda: keys.reach(f"hsm:{secret}", made.public_key),
        lambda: keys.reach(f"{tmp_path}/gate.pem", made.public_key),
    ):
        with pytest.raises(Refused) as refusal:
            act()
        said += [str(refusal.value), repr(refusal.value.__cause__)]
    assert secret not in "".join((*said, caplog.text))
    assert secret in pem
