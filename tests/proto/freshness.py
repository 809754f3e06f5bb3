"""Whether the committed stubs are what ``make proto`` would write today: ``python -m tests.proto.freshness``."""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

import google.rpc

ROOT = Path(__file__).parents[2]
STUBS, INFERENCE_STUBS = "slipway/v1", "service/inference/stubs"
GOOGLE_PROTOS = Path(next(iter(google.rpc.__path__))).parents[1]


def protoc(protos: Path, *options: str) -> None:
    """Run the compiler over every ``slipway/v1/*.proto`` and every public protocol below ``protos``."""
    files = sorted(str(path.relative_to(protos)) for path in protos.glob("slipway/v1/*.proto"))
    files += sorted(str(path) for path in protos.glob("inference/*.proto"))
    include = [f"-I{INFERENCE_STUBS}={protos / 'inference'}", f"-I{protos}", f"-I{GOOGLE_PROTOS}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *include, *options, *files], check=True, cwd=protos)


def stale_stubs(protos: Path, stubs: Path, place: str = STUBS) -> list[str]:
    """Names of stubs that are missing, left over or different from what ``protos`` generates into ``place``."""
    with tempfile.TemporaryDirectory() as folder:
        protoc(protos, f"--python_out={folder}", f"--pyi_out={folder}", f"--grpc_python_out={folder}")
        fresh = Path(folder) / place
        names = {path.name for where in (fresh, stubs) for path in where.glob("*_pb2*.py*")}
        _, different, absent = filecmp.cmpfiles(fresh, stubs, names, shallow=False)
        return sorted(different + absent)


if __name__ == "__main__":
    places = (STUBS, INFERENCE_STUBS)
    if found := [name for place in places for name in stale_stubs(ROOT / "proto", ROOT / place, place)]:
        sys.exit(f"Stale stubs: {', '.join(found)}. Run `make proto` and commit the result.")
    print("Stubs are fresh.")
