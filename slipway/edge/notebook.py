"""What a device knows, in memory and on the disk at once: every move is written down before anybody acts on it."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec

from slipway.edge.fetch import Tell
from slipway.edge.state import State
from slipway.edge.store import Store
from slipway.errors import Refused

P = ParamSpec("P")


class Notebook:
    """The state of one device. Moves may come from any thread; ``lock`` holds others off over several of them.

    Args:
        store: the folder; its lock must be held.
        device_id: replaces the id that the folder remembers.
    """

    def __init__(self, store: Store, tell: Tell, device_id: str = "") -> None:
        self.store = store
        self.lock = threading.RLock()
        self.state = _recall(store, tell)
        self.move(lambda state: replace(state, device_id=device_id or state.device_id))

    def move(self, move: Callable[Concatenate[State, P], State], *args: P.args, **options: P.kwargs) -> None:
        """Replace the state by ``move(state, ...)``; it is on the disk when this returns."""
        with self.lock:
            state = move(self.state, *args, **options)
            if state != self.state:
                self.store.write(state)
                self.state = state


def _recall(store: Store, tell: Tell) -> State:
    """What the device knew when it ended. A file that cannot be read is set aside: it installs afresh."""
    try:
        state = store.read()
    except Refused as refusal:
        tell("forgotten", reason=refusal.reason, message=str(refusal))
        store.set_aside()
        state = None
    if state is None:
        state = State(device_id=f"device-{uuid.uuid4().hex[:12]}")
        store.write(state)
    return state
