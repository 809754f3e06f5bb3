"""Puts the commands together, and turns what they raise into words on stderr and an exit code."""

import json
import os
import signal
import sys
from typing import NoReturn

import typer

from slipway.cli import dataset, device, edge, gateway, identity, job, model, policy, rollout
from slipway.errors import Refused

DONE, FAILED, UNREACHABLE, INTERRUPTED = 0, 1, 3, 130

app = typer.Typer(
    name="slipway",
    help="Takes a sensor model from simulation to the devices that live with it.\n\n"
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the server cannot be reached, 130 interrupted.",
    epilog="Example: slipway job pretrain rover --world rover --wait",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(dataset.app, name="dataset")
app.add_typer(job.app, name="job")
app.add_typer(model.app, name="model")
app.add_typer(rollout.app, name="rollout")
app.add_typer(policy.app, name="policy")
app.add_typer(device.app, name="device")
app.add_typer(identity.app, name="identity")
app.add_typer(edge.app, name="edge")
app.add_typer(gateway.app, name="gateway")


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except Exception as error:
        sys.exit(explain(error))


def explain(error: Exception) -> int:
    """Say on stderr what was refused and what to do; with ``--json`` also as JSON on stdout. Returns the exit code.

    Raises:
        Exception: ``error`` itself, where it is none that a user can cause.
    """
    from slipway.transport import ServerRefused, ServerUnreachable

    if not isinstance(error, Refused | ServerRefused | ServerUnreachable | OSError):
        raise error
    if isinstance(error, OSError):
        error = _file_problem(error)
    reason = "SERVER_UNREACHABLE" if isinstance(error, ServerUnreachable) else str(error.reason or error.code)
    word = "unreachable" if isinstance(error, ServerUnreachable) else "refused"
    print(f"{_red(word)}: {error.message}", file=sys.stderr)
    if error.remedy:
        print(f"  → {error.remedy}", file=sys.stderr)
    if "--json" in sys.argv:
        print(json.dumps({"error": {"reason": reason, "message": error.message, "remedy": error.remedy}}))
    return UNREACHABLE if isinstance(error, ServerUnreachable) else FAILED


def _red(word: str) -> str:
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[31m{word}\x1b[0m" if colour else word


def _file_problem(error: OSError) -> Refused:
    from slipway.errors import Reason

    remedy = "Check the path, its permissions and the space on the disk."
    problem = error.strerror or type(error).__name__
    return Refused(Reason.FIELD_INVALID, field="file", problem=problem, found=error.filename, remedy=remedy)


def _interrupted(*_: object) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(2, b"interrupted\n")  # print may be what was interrupted
    sys.exit(INTERRUPTED)
