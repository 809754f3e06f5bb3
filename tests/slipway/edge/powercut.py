"""Installs again and again, and dies at the n-th change of the disk: n = 1, 2, … until nothing is left to die at.

Run as ``python -m tests.slipway.edge.powercut ADDRESS TEMPLATE WORK MODE``: copies the device's folder TEMPLATE to
WORK/<n> for each n. MODE "kill" dies as by kill -9; "cut" also takes from the disk what was written and not yet synced.
Each attempt is a fork, made before gRPC has begun anything.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from slipway.edge.install import Installer
from slipway.edge.remote import Remote
from slipway.edge.store import Store
from slipway.errors import Refused
from slipway.transport import ServerRefused, ServerUnreachable

WRITES = os.O_WRONLY | os.O_RDWR


class Death:
    """Counts changes of the disk under ``folder`` and dies before the n-th."""

    def __init__(self, folder: Path, n: int, cut: bool) -> None:
        self.folder = str(folder)
        self.left = n
        self.cut = cut
        self.dirty: set[str] = set()
        self._fsync = os.fsync
        os.fsync = self.fsync  # no audit event tells of it
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        path = str(args[0]) if args else ""
        if not path.startswith(self.folder):
            return
        if event == "open" and isinstance(args[2], int) and args[2] & WRITES and not path.endswith("/lock"):
            self.step()
            self.dirty.add(path)
        elif event == "os.rename":
            self.step()
            if path in self.dirty:
                self.dirty.add(str(args[1]))
        elif event in ("os.remove", "os.truncate", "os.mkdir"):
            self.step()

    def fsync(self, handle: int) -> None:
        self.step()
        self._fsync(handle)
        self.dirty.discard(os.readlink(f"/proc/self/fd/{handle}"))

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            folder, self.folder = self.folder, "\0"  # the hook sees no more
            for path in self.dirty if self.cut else ():
                if os.path.exists(path) and path.startswith(folder):
                    os.truncate(path, 0)
            os.kill(os.getpid(), signal.SIGKILL)


def install(address: str, folder: Path) -> None:
    """What an agent does at its start."""
    store = Store(folder)
    with store.locked():
        remote = Remote(address)
        installer = Installer(store, remote, model="models/rover", channel="stable", tell=lambda *_, **__: None)
        installer.start()
        try:
            installer.update()
            installer.report()
        except (Refused, ServerRefused, ServerUnreachable):
            pass


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a fork; returns how it ended: 0, or minus the signal."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(address: str, template: Path, work: Path, cut: bool) -> int:
    """Returns how many deaths there were."""
    n = 0
    while True:
        n += 1
        folder = work / str(n)
        shutil.copytree(template, folder)

        def attempt(folder: Path = folder, n: int = n) -> None:
            Death(folder, n, cut)
            install(address, folder)

        ended = in_child(attempt)
        if ended == 0:
            return n - 1
        if ended != -signal.SIGKILL:
            raise SystemExit(f"attempt {n} ended with {ended}")


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "cut"))
