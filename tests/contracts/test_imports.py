"""The arrows of ARCHITECTURE.md: every import contract holds, and each one catches an offence planted against it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
PACKAGES = CONFIG["root_packages"]

# Contract → (a file inside its source, an import it forbids).
OFFENCES = {
    "The light package carries no trainer and no server": ("slipway/spec.py", "import jax"),
    "Simulation and adaptation are strangers": ("adapters/options.py", "import sim"),
    "Simulation knows no networks": ("sim/priors.py", "import nets.layers"),
    "Networks stand alone": ("nets/layers.py", "import adapters"),
    "Export trains through the networks, never by itself": ("export/float_onnx.py", "import optax"),
    "The RPC process never imports JAX": ("service/config.py", "import jax"),
    "Studies know no server": ("studies/rover.py", "import service"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of ``folder``'s pyproject on the packages that lie in it."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)})


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_a_planted_offence() -> None:
    assert {contract["name"] for contract in CONFIG["contracts"]} == set(OFFENCES)


def test_contracts_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("contract", OFFENCES)
def test_a_planted_offence_is_caught(copy: Path, contract: str) -> None:
    file, offence = OFFENCES[contract]
    source = copy / file
    source.write_text(source.read_text() + f"\n{offence}\n")
    result = lint(copy)
    assert result.returncode == 1
    assert f"{contract} BROKEN" in " ".join(result.stdout.split())
