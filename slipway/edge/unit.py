"""A unit of systemd for the agent, that lets it touch its own folder and its server and nothing else.

Reference: systemd.exec(5), systemd.service(5); ``systemd-analyze security`` judges it.
"""

import shlex
from collections.abc import Sequence

STATE = "slipway-edge"  # its folder is /var/lib/slipway-edge
HARDENING = """\
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""


def unit(program: str, options: Sequence[str], *, model: str, user: str, memory_mb: int) -> str:
    """The text of the unit.

    Args:
        program: absolute path of ``slipway``.
        options: of ``edge run``, as they are to be given; the folder is added.
        model: what runs, for people.
        user: who runs it; empty: a user that systemd makes for it.
        memory_mb: of the agent and a candidate beside it together, in MB (2**20 bytes).
    """
    command = " ".join(_word(word) for word in [program, "edge", "run", *options])
    who = f"User={user}" if user else "DynamicUser=yes"
    return f"""\
[Unit]
Description=Slipway edge agent: {model}
After=network.target
# However often it fails: a version that does not start well is taken back by the agent, after three starts.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command} --folder %S/{STATE}
Restart=always
RestartSec=2
# A window that waits this long for its answer ends the agent, and counts as a start that did not end well.
WatchdogSec=60
TimeoutStopSec=30
{who}
StateDirectory={STATE}
StateDirectoryMode=0700
MemoryMax={memory_mb}M
# Where memory runs out the candidate goes, and the agent stays.
OOMPolicy=continue
{HARDENING}
[Install]
WantedBy=multi-user.target
"""


def _word(word: str) -> str:
    """A word of a command line as systemd reads it: no specifier, no variable, no quote of the shell's own kind."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if shlex.quote(word) == word:
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
