"""Whether the committed stubs are what ``make proto`` would write today: ``python -m tests.proto.freshness``."""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

import google.rpc

ROOT = Path(__file__).parents[2]
GOOGLE_PROTOS = Path(next(iter(google.rpc.__path__))).parents[1]


def protoc(protos: Path, *options: str) -> None:
    """Run the compiler over every ``slipway/v1/*.proto`` below ``protos``."""
    files = sorted(str(path.relative_to(protos)) for path in protos.glob("slipway/v1/*.proto"))
    include = [f"-I{protos}", f"-I{GOOGLE_PROTOS}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *include, *options, *files], check=True, cwd=protos)


def stale_stubs(protos: Path, stubs: Path) -> list[str]:
    """Names of stubs that are missing, left over or different from what ``protos`` generates."""
    with tempfile.TemporaryDirectory() as folder:
        protoc(protos, f"--python_out={folder}", f"--pyi_out={folder}", f"--grpc_python_out={folder}")
        fresh = Path(folder) / "slipway" / "v1"
        names = {path.name for where in (fresh, stubs) for path in where.glob("*_pb2*.py*")}
        _, different, absent = filecmp.cmpfiles(fresh, stubs, names, shallow=False)
        return sorted(different + absent)


if __name__ == "__main__":
    if found := stale_stubs(ROOT / "proto", ROOT / "slipway" / "v1"):
        sys.exit(f"Stale stubs: {', '.join(found)}. Run `make proto` and commit the result.")
    print("Stubs are fresh.")
