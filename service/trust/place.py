"""Where a server keeps its repository: ``updates/`` in the data folder, one publisher at a time.

metadata/           what devices read
taken-back.json     versions that shall never be signed again, by order of the operator
lock                held for the time of one publication
"""

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from obstore.store import LocalStore

from service.trust.files import StoredFiles
from slipway.durable import replace_file
from slipway.errors import Reason, Refused
from slipway.trust import names

FOLDER = "updates"
ORDERS = "taken-back.json"
ORDERS_LIMIT_BYTES = 1 << 20


class Place:
    """A repository's folder.

    Args:
        data_folder: of the server.
    """

    def __init__(self, data_folder: Path) -> None:
        self.folder = data_folder.absolute() / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self.files = StoredFiles(LocalStore(self.folder, mkdir=True))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other publishers out; waits for the one that is at it. The turn ends with the process."""
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def taken_back(self) -> frozenset[str]:
        """Versions that shall not be signed: "models/rover/versions/8", …

        Raises:
            Refused: STORED_FILE_DAMAGED.
        """
        path = self.folder / ORDERS
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(ORDERS_LIMIT_BYTES))
            return frozenset(version for version in found if names.VERSION.fullmatch(version))
        except FileNotFoundError:
            return frozenset()
        except (ValueError, TypeError) as error:
            raise Refused(
                Reason.STORED_FILE_DAMAGED, field=ORDERS, expected="a list of versions", found=error
            ) from error

    def take_back(self, versions: Iterable[str]) -> None:
        """Order that ``versions`` are never signed again.

        Raises:
            Refused: FIELD_INVALID or LIMIT_EXCEEDED.
        """
        wanted = tuple(versions)
        for version in wanted:
            names.base_path(version)
        with self.turn():
            data = json.dumps(sorted(self.taken_back() | set(wanted)), indent=1).encode()
            if len(data) > ORDERS_LIMIT_BYTES:
                raise Refused(Reason.LIMIT_EXCEEDED, field=ORDERS, found=len(data), limit=ORDERS_LIMIT_BYTES)
            replace_file(self.folder / ORDERS, data)
