"""``slipway-server updates``: keys, drafts that travel to keys, and what an operator sees."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from service.trust.keys import generate
from service.updates_cli import app
from slipway.errors import Refused
from slipway.trust.offline import OfflineSource
from slipway.trust.root import enrol
from slipway.trust.view import refresh
from tests.service.trust.yard import Yard, now, version


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def run(*words: object, keys: Path | None = None, data: Path | None = None) -> Any:
    """What a command prints with --json."""
    places = [f"--{name}={path}" for name, path in (("keys", keys), ("data", data)) if path]
    result = CliRunner().invoke(app, [*map(str, words), *places, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def shown(yard: Yard) -> dict[str, Any]:
    """``updates show``, by role."""
    return {row["role"]: row for row in run("show", data=yard.data)["roles"]}


def versions(yard: Yard, role: str) -> list[str]:
    return [each["version"] for each in shown(yard)[role]["versions"]]


def moved(yard: Yard, away: Path, *names: str) -> Path:
    """Take keys off the server."""
    away.mkdir(mode=0o700)
    for name in names:
        for path in yard.keys.glob(f"{name}.pem*"):
            path.rename(away / path.name)
    return away


def test_init_makes_keys_for_their_owner_a_repository_and_says_what_belongs_where(tmp_path: Path) -> None:
    keys, data = tmp_path / "keys", tmp_path / "data"
    found = run("init", keys=keys, data=data)
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.glob("*.pem")} == {0o600}
    assert {Path(path).stem for path in found["offline_keys"]} == {"root-1", "root-2", "root-3", "targets"}
    assert set(found["settings"]) == {
        f"SLIPWAY_SERVER_TRUST_{name}_KEY" for name in ("SNAPSHOT", "TIMESTAMP", "ADAPTER", "GATE")
    }
    enrol(tmp_path / "trust", Path(found["root"]).read_bytes())
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    with pytest.raises(Refused, match="a repository is there"):
        run("init", keys=keys, data=data)
    assert CliRunner().invoke(app, ["init", f"--keys={keys}", f"--data={tmp_path / 'other'}"]).exit_code == 2
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before, "a key is never overwritten"


def test_the_targets_key_never_needs_to_be_on_the_server(yard: Yard, tmp_path: Path) -> None:
    yard.enter()
    away = moved(yard, tmp_path / "drawer", "targets", "root-*")
    with pytest.raises(Refused, match="0 of 1 signatures"):
        run("sign-base", "rover", 1, keys=yard.keys, data=yard.data)
    (draft,) = run("sign-base", "rover", 1, "--draft", tmp_path / "drafts", keys=yard.keys, data=yard.data)["drafts"]
    with pytest.raises(Refused, match="0 of 1 signatures"):
        run("publish", draft, keys=yard.keys, data=yard.data)
    assert run("sign", draft, "--key", away / "targets.pem")["signed"][0]["targets"] == ["models/rover/base/1.slipway"]
    run("publish", draft, keys=yard.keys, data=yard.data)
    assert versions(yard, "targets") == [version(1)]


def test_a_model_by_drafts_of_two_roles_and_three_keys(yard: Yard, tmp_path: Path) -> None:
    away = moved(yard, tmp_path / "drawer", "targets")
    drafts = run("add-model", "rover", "--draft", tmp_path / "drafts", keys=yard.keys, data=yard.data)["drafts"]
    assert [Path(path).name for path in drafts] == ["targets.json", "adapters%2Frover.json"]
    targets, role = drafts
    run("sign", targets, keys=away)
    run("sign", role, "--key", yard.keys / "adapter.pem")
    with pytest.raises(Refused, match="1 of 2 signatures"):
        run("publish", *drafts, keys=yard.keys, data=yard.data)
    run("sign", role, "--key", yard.keys / "gate.pem")
    run("publish", *drafts, keys=yard.keys, data=yard.data)
    assert shown(yard)["adapters/rover"]["threshold"] == 2


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_a_role_gets_another_key_and_devices_follow(yard: Yard, tmp_path: Path, role: str) -> None:
    yard.enter()
    yard.sign_base(1)
    yard.enrol(tmp_path)
    refresh(tmp_path / "trust", yard.desk.place.files, now=now())
    new = [yard.keys / f"{role}-{letter}.pem" for letter in ("x", "y")[: 1 + (role == "root")]]
    words = [word for path in new for word in ("--new", path)]
    run("rotate", role, *words, "--threshold", len(new), keys=yard.keys, data=yard.data)
    assert shown(yard)[role]["key_ids"] != [] and shown(yard)["root"]["version"] == 2
    assert shown(yard)[role]["keys"] == len(new)
    run("renew", keys=yard.keys, data=yard.data)
    view = refresh(tmp_path / "trust", yard.desk.place.files, now=now())
    assert view.root_version == 2 and view.bundle(version(1))


def test_an_adapter_or_a_gate_is_replaced_with_the_role(yard: Yard) -> None:
    yard.add_model()
    before = shown(yard)["adapters/rover"]
    generate(yard.keys / "gate-2.pem")
    run("add-model", "rover", "--gate", yard.keys / "gate-2.pem.pub.json", keys=yard.keys, data=yard.data)
    after = shown(yard)["adapters/rover"]
    assert (after["version"], len(set(before["key_ids"]) & set(after["key_ids"]))) == (before["version"] + 1, 1)


def test_renewed_it_holds_longer(yard: Yard) -> None:
    yard.add_model()
    before = shown(yard)
    run("renew", "root", "targets", "adapters/rover", keys=yard.keys, data=yard.data)
    after = shown(yard)
    for role in before:
        assert after[role]["version"] == before[role]["version"] + 1
    with pytest.raises(Refused, match="no such role"):
        run("renew", "adapters/none", keys=yard.keys, data=yard.data)


def test_taken_back_by_the_keys_at_hand_or_ordered_of_the_server(yard: Yard, tmp_path: Path) -> None:
    yard.add_model()
    yard.enter()
    yard.sign_base(1)
    found = run("take-back", "rover", 2, data=yard.data)
    assert found == {"taken_back": [version(2)]} == {"taken_back": run("show", data=yard.data)["taken_back"]}
    run("take-back", "rover", 1, keys=yard.keys, data=yard.data)
    assert versions(yard, "targets") == []


def test_an_offline_file(yard: Yard, tmp_path: Path) -> None:
    yard.enter()
    yard.sign_base(1)
    path = tmp_path / "update.zip"
    found = run("offline", "--version", "rover/1", "--output", path, "--days", 9, keys=yard.keys, data=yard.data)
    assert found["versions"] == [version(1)] and found["size_bytes"] == path.stat().st_size
    yard.enrol(tmp_path)
    with OfflineSource(path) as file:
        view = refresh(tmp_path / "trust", file, now=now(), carried=True)
        view.fetch(view.bundle(version(1)), tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == yard.bundles[1]
    with pytest.raises(Refused):
        run("offline", "--version", "rover/7", "--output", path, keys=yard.keys, data=yard.data)


@pytest.mark.parametrize("words", [["sign-base", "rover", "9"], ["sign-base", "none", "1"], ["sign-base", "../x", "1"]])
def test_what_is_not_there_is_refused_in_words(yard: Yard, words: list[str]) -> None:
    yard.enter()
    with pytest.raises(Refused):
        run(*words, keys=yard.keys, data=yard.data)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100, b"x" * (3 << 20)])
def test_a_file_that_is_no_draft(yard: Yard, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "targets.json").write_bytes(content)
    with pytest.raises(Refused):
        run("publish", tmp_path / "targets.json", keys=yard.keys, data=yard.data)


def test_a_draft_keeps_its_name(yard: Yard, tmp_path: Path) -> None:
    (draft,) = run("renew", "targets", "--draft", tmp_path / "drafts", keys=yard.keys, data=yard.data)["drafts"]
    renamed = Path(draft).rename(tmp_path / "root.json")
    with pytest.raises(Refused, match="Keep the name"):
        run("publish", renamed, keys=yard.keys, data=yard.data)


def test_words_for_people(yard: Yard) -> None:
    yard.add_model()
    text = CliRunner().invoke(app, ["show", f"--data={yard.data}"]).stdout
    assert "adapters/rover" in text and "2 of 2" in text and "2 of 3" in text


def test_every_command_has_an_example() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) >= 9
    for name, command in commands.items():
        assert f"slipway-server updates {name}" in (command.epilog or ""), name
        assert command.help
