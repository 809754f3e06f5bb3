"""The door to the database: one transaction for each call, safe between processes.

Every query is a plain function of a connection. ``Catalogue.read`` and ``Catalogue.write`` run one in a transaction;
the event loop calls them through ``asyncio.to_thread``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event

BUSY_TIMEOUT_SECONDS = 30

P = ParamSpec("P")
T = TypeVar("T")


class Catalogue:
    """Runs queries.

    Args:
        url: SQLAlchemy URL, e.g. ``"sqlite:////srv/slipway/catalogue.sqlite"`` or ``"postgresql+psycopg://…"``.
    """

    def __init__(self, url: str) -> None:
        self.engine = _sqlite(url) if url.startswith("sqlite") else create_engine(url, pool_pre_ping=True)

    def read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return ``query(connection, *args, **kwargs)``, seeing one state of the database and changing nothing."""
        with self.engine.connect().execution_options(reading=True) as connection:
            return query(connection, *args, **kwargs)

    def write(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return ``query(connection, *args, **kwargs)`` and keep what it changed, or nothing if it raises."""
        with self.engine.begin() as connection:
            return query(connection, *args, **kwargs)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def database_url(configured: str, data_folder: Path) -> str:
    """The catalogue's URL: the configured one, else a file in the data folder."""
    return configured or f"sqlite:///{data_folder.absolute() / 'catalogue.sqlite'}"


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, pool_size=16)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions on its own
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a reader that later writes could otherwise fail with "database is locked"."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
