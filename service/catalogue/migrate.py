"""Brings the database to the revision this code needs, without importing Alembic where nothing has to change."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from service.catalogue import tables
from service.catalogue.engine import Catalogue
from slipway.errors import Reason, Refused

HEAD = "0005"
FOLDER = Path(__file__).parent / "migrations"


def bring_up_to_date(catalogue: Catalogue) -> None:
    """Create the tables, or upgrade them to ``HEAD``; do nothing if they are there.

    Raises:
        Refused: DATA_FOLDER_NEWER.
    """
    found = catalogue.write(_create_or_revision)
    if found != HEAD:
        _upgrade(catalogue, found)


def _create_or_revision(connection: Connection) -> str:
    if inspect(connection).has_table("alembic_version"):
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    tables.metadata.create_all(connection)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    return HEAD


def _upgrade(catalogue: Catalogue, found: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    try:
        with catalogue.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
    except CommandError as error:
        raise Refused(Reason.DATA_FOLDER_NEWER, field="data_folder", found=found) from error
