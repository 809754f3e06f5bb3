"""What the server shall know leaves the device, oldest first; it is forgotten here once the server has it."""

from collections.abc import Callable
from functools import partial

from slipway.edge import moves
from slipway.edge.fetch import Tell
from slipway.edge.notebook import Notebook
from slipway.edge.remote import Line
from slipway.transport import ServerRefused

# A server that answers so now will answer so again: what was said cannot be used.
FINAL = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"})
FINAL |= {"UNIMPLEMENTED", "PERMISSION_DENIED"}


def deliver(notebook: Notebook, remote: Line, tell: Tell) -> None:
    """Send all that waits.

    Raises:
        ServerRefused, ServerUnreachable: the rest still waits.
    """
    device_id = notebook.state.device_id
    for report in notebook.state.reports:
        _say(partial(remote.report, device_id, report), report.version, tell)
        notebook.move(moves.delivered, report)
    for health in notebook.state.healths:
        _say(partial(remote.report_health, device_id, health), health.version, tell)
        notebook.move(moves.heard, health.sequence)


def _say(send: Callable[[], None], version: str, tell: Tell) -> None:
    try:
        send()
    except ServerRefused as refusal:
        if refusal.code not in FINAL:
            raise
        tell("report_refused", version=version, reason=refusal.reason, message=str(refusal))
