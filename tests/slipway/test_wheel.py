"""The light wheel in an empty environment: it runs a bundle, and brings no trainer and no server."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.slipway.edge.bundles import WINDOW, bundle
from tests.slipway.edge.repository import Repository, Served

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SIZE_LIMIT_BYTES = 170_000_000
RESIDENT_LIMIT_MB = 90
INSTALLERS = ("pip", "setuptools", "wheel", "_distutils_hack", "distutils-precedence.pth")
FOREIGN = ("jax", "flax", "sqlalchemy", "obstore", "onnx", "service", "sim", "nets", "adapters", "export", "studies")


def build(folder: Path, out: Path) -> zipfile.ZipFile:
    """Build a wheel with what is installed here, and open it."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("*.whl")
    return zipfile.ZipFile(wheel)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return build(ROOT / "slipway", tmp_path_factory.mktemp("light"))


@pytest.fixture(scope="module")
def environment(light: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the light wheel and what it asks for; returns its folder of programs."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile", str(light.filename)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def outside(environment: Path) -> dict[str, str]:
    """Variables that let nothing of this tree be found."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}


def test_the_light_wheel_holds_one_package_and_its_types(light: zipfile.ZipFile) -> None:
    names = light.namelist()
    assert {name.split("/")[0] for name in names} == {"slipway", "slipway-0.1.0.dist-info"}
    for wanted in (
        "slipway/py.typed",
        "slipway/bundle/SPEC.md",
        "slipway/delta/SPEC.md",
        "slipway/v1/updates_pb2.pyi",
        "slipway/cli/main.py",
    ):
        assert wanted in names


def test_the_server_wheel_holds_the_rest_and_its_migrations(tmp_path: Path) -> None:
    names = build(ROOT, tmp_path).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"sim", "nets", "adapters", "export", "service", "studies"}
    assert "service/catalogue/migrations/env.py" in names
    assert any(name.startswith("service/catalogue/migrations/versions/") for name in names)
    assert {"export/c/kernels/float_conv.c", "export/mcu/firmware/board.ld"} <= set(names)
    assert not any(name.endswith(".proto") for name in names)


def test_it_runs_a_bundle_from_a_file(environment: Path, tmp_path: Path) -> None:
    file = tmp_path / "rover.slipway"
    file.write_bytes(bundle(2))
    done = subprocess.run(
        [environment / "slipway", "edge", "answer", file],
        cwd=tmp_path,
        env=outside(environment),
        input=json.dumps(WINDOW) + "\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["class"] == "even"
    assert "checked" in done.stderr


def test_it_brings_no_trainer_and_no_server(environment: Path, tmp_path: Path) -> None:
    words = f"import importlib.util as u; print([name for name in {FOREIGN} if u.find_spec(name)])"
    command = [environment / "python", "-c", words]
    done = subprocess.run(command, cwd=tmp_path, env=outside(environment), capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_it_stays_within_its_size(environment: Path, tmp_path: Path) -> None:
    """As a device installs it, without byte code (29 MB, most of it never run), and after a run."""
    test_it_runs_a_bundle_from_a_file(environment, tmp_path)
    (packages,) = (environment.parent / "lib").glob("python*/site-packages")
    entries = [path for path in packages.iterdir() if not path.name.startswith(INSTALLERS)]
    files = [file for entry in entries for file in (entry.rglob("*") if entry.is_dir() else [entry])]
    size = sum(file.lstat().st_size for file in files if file.is_file())
    assert size <= SIZE_LIMIT_BYTES


def test_an_agent_with_a_model_stays_within_its_memory(environment: Path, tmp_path: Path) -> None:
    repository = Repository()
    repository.publish("models/rover", 2, bundle(2, ballast=100_000))
    served = Served(repository)
    place = ["--server", served.address, "--model", "rover", "--folder", str(tmp_path / "device"), "--input", "-"]
    with subprocess.Popen(
        [environment / "slipway", "edge", "run", *place],
        cwd=tmp_path,
        env=outside(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for _ in range(1000):
            process.stdin.write(json.dumps(WINDOW) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["class"] == "even"
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
        assert process.wait(30) == 0
    served.stop()
    resident_mb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
    assert resident_mb <= RESIDENT_LIMIT_MB
