"""The task of the server that takes the steps of policies, and lets no rollout wait for what will not come."""

import asyncio
import logging

from sqlalchemy import Connection

from service.catalogue import policy_moves, rollout_moves, rollouts
from service.catalogue.engine import Catalogue
from service.catalogue.rollouts import Staged
from service.clock import now_us
from service.trust.signed import Signed, everything
from slipway.errors import Refused

log = logging.getLogger(__name__)

STEP_LIMIT = 16  # of one policy, without a pause
PATIENCE_US = 3600 * 1_000_000  # a stage that nobody reports to is looked at anew after so long


async def close_loop(catalogue: Catalogue, seconds: float, signed: Signed) -> None:
    """Look every so many seconds until cancelled."""
    while True:
        try:
            await asyncio.to_thread(look, catalogue, now_us(), signed)
        except Exception:
            log.exception("cannot look after policies and rollouts")
        await asyncio.sleep(seconds)


def look(catalogue: Catalogue, now: int, signed: Signed = everything) -> None:
    """Take every step that is due."""
    for found in catalogue.read(rollouts.all_open):
        waits = found.judged.reports == 0 and now - found.change_us > PATIENCE_US
        if waits or catalogue.read(_was_moved, found):
            catalogue.write(_settle, found.model_id, found.number, now)
    for model_id in catalogue.read(policy_moves.due, now, signed):
        advance(catalogue, model_id, now, signed)


def advance(catalogue: Catalogue, model_id: str, now: int, signed: Signed = everything) -> None:
    """Take the steps of one policy that are due; what goes wrong becomes an event of its own."""
    for _ in range(STEP_LIMIT):
        try:
            if catalogue.write(policy_moves.advance, model_id, now, signed) is None:
                return
        except Refused as refused:
            catalogue.write(policy_moves.put_off, model_id, str(refused), now)
            return
        except Exception as error:
            log.exception("cannot take the next step of models/%s/policy", model_id)
            problem = f"{type(error).__name__}; the server's log says more"
            catalogue.write(policy_moves.put_off, model_id, problem, now)
            return


def _was_moved(connection: Connection, found: Staged) -> bool:
    return rollout_moves.unless_moved(connection, found) is not found.judged


def _settle(connection: Connection, model_id: str, number: int, now: int) -> None:
    found = rollouts.get(connection, model_id, number)
    if not found.ended:
        rollout_moves.settle(connection, found, now)
