"""Words to systemd (sd_notify(3)): ready, alive, stopping. Silent where nobody asked for them."""

import os
import socket
from contextlib import suppress


def say(words: str) -> None:
    """Send words such as "READY=1" to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.connect("\0" + address[1:] if address.startswith("@") else address)
        line.sendall(words.encode())


def watchdog_s() -> float | None:
    """How often the service manager wants to hear that we are alive; None where it does not."""
    try:
        if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return None
        return int(os.environ["WATCHDOG_USEC"]) / 1e6
    except (KeyError, ValueError):
        return None
