"""The example clients as programs: what each needs on this machine, how it is built, how it is called."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "examples" / "clients"
BUILT = ROOT / "out" / "clients"
GO = Path("/usr/share/gocode/src")
BUILD_SECONDS = 300.0
RUN_SECONDS = 60.0
# A server on loopback is reached directly, whatever the network outside needs.
ENVIRONMENT = {**os.environ, "no_proxy": "127.0.0.1", "CXXFLAGS": "-O0"}


@dataclass(frozen=True)
class Client:
    """One of the examples.

    Args:
        folder: of its source, below ``examples/clients``.
        command: how it is called.
        tools: programs that it needs.
        files: what else has to be there, by the words for it.
        made: whether it is built with ``make``.
    """

    folder: str
    command: tuple[str | Path, ...]
    tools: tuple[str, ...]
    files: Mapping[str, Path]
    made: bool = True

    def missing(self) -> list[str]:
        """What this machine lacks."""
        tools = [each for each in self.tools if shutil.which(each) is None]
        return tools + [words for words, path in self.files.items() if not path.exists()]

    def build(self) -> None:
        """Build it, where anything has changed."""
        if self.made:
            command = ["make", "-C", str(CLIENTS / self.folder)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, env=ENVIRONMENT)
            assert done.returncode == 0, done.stderr

    def run(self, server: str, folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
        """Call it in an empty ``folder``."""
        command: Sequence[str | Path] = [*self.command, "--server", server, *options]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS, env=ENVIRONMENT)


ALL = {
    "node": Client(
        "node",
        ("node", CLIENTS / "node" / "client.js"),
        ("node", "npm"),
        {"its packages (make -C examples/clients/node)": CLIENTS / "node" / "node_modules" / ".ready"},
    ),
    "cpp": Client(
        "cpp",
        (BUILT / "cpp" / "client",),
        ("g++", "pkg-config", "protoc", "grpc_cpp_plugin"),
        {"libgrpc++-dev": Path("/usr/include/grpcpp/grpcpp.h"), "libssl-dev": Path("/usr/include/openssl/evp.h")},
    ),
    "go": Client(
        "go",
        (BUILT / "go" / "client",),
        ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc"),
        {
            "golang-google-grpc-dev": GO / "google.golang.org" / "grpc",
            "golang-google-genproto-dev": GO / "google.golang.org" / "genproto",
            "golang-github-golang-protobuf-1-5-dev": GO
            / "github.com"
            / "golang"
            / "protobuf"
            / "internal"
            / "gengogrpc",
        },
    ),
    "shell": Client("shell", (CLIENTS / "shell" / "walk.sh",), ("bash", "base64", "sha256sum"), {}, made=False),
}
