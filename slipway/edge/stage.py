"""The candidate's slot: what a rollout asks to run beside current is fetched into it, and leaves with the rollout."""

from collections.abc import Callable

from slipway.edge import moves
from slipway.edge.fetch import Tell
from slipway.edge.notebook import Notebook
from slipway.edge.obtain import base_of, obtain
from slipway.edge.offer import Beside, Offer, check_candidate
from slipway.edge.remote import Line
from slipway.edge.state import Candidate
from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused

Rehearse = Callable[[Candidate | None], None]


def staged(
    notebook: Notebook,
    remote: Line,
    model: str,
    wanted: Beside | None,
    live: str,
    trusted: Callable[[Offer], Offer],
    tell: Tell,
) -> None:
    """Fill the slot with ``wanted``, or empty it. A candidate that is no good leaves everything else as it is.

    Args:
        live: SHA-256 of what answers: it needs no rehearsal.
        trusted: gives an offer as it is signed, or raises.

    Raises:
        ServerUnreachable: as the remote says; what came of a download stays.
    """
    try:
        candidate = None
        if wanted is not None:
            check_candidate(wanted, model)
            candidate = _fetched(notebook, remote, wanted.rollout, trusted(wanted.offer), live, tell)
    except (Refused, ServerRefused) as refusal:
        name = wanted.offer.version.version if wanted else ""
        tell("candidate_refused", version=name, reason=refusal.reason, message=str(refusal))
        candidate = None
    notebook.move(moves.staged, candidate)


def _fetched(notebook: Notebook, remote: Line, rollout: str, offer: Offer, live: str, tell: Tell) -> Candidate | None:
    version, store, known = offer.version, notebook.store, notebook.state.candidate
    if version.sha256 == live:
        return None
    same = known is not None and (known.rollout, known.version.sha256) == (rollout, version.sha256)
    if known is not None and same and (known.refused or store.bundle(version.sha256).exists()):
        return known
    problem = notebook.state.refused.get(version.sha256)
    if problem is not None:
        before = Refused(Reason.VERSION_REFUSED_BEFORE, field="candidate", name=version.version, problem=problem)
        notebook.move(moves.refused, version, before, forever=False)
        return Candidate(rollout, version, refused=True)
    store.tidy(notebook.state, version.sha256, offer.delta.sha256 if offer.delta else "")
    base = base_of(notebook, offer)
    try:
        return Candidate(rollout, obtain(notebook, remote, offer, tell), base)
    except Refused as refusal:
        notebook.move(moves.refused, version, refusal, forever=False)
        raise
