"""The two ways to the tables agree, and a catalogue of another time is handled."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from service.catalogue import migrate, tables
from service.catalogue.engine import Catalogue
from slipway.errors import Reason, Refused


def differences(catalogue: Catalogue) -> list[object]:
    with catalogue.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))


def revision(catalogue: Catalogue) -> object:
    with catalogue.engine.connect() as connection:
        return connection.scalar(text("SELECT version_num FROM alembic_version"))


def stamp(catalogue: Catalogue, found: str) -> None:
    with catalogue.engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        if found:
            connection.execute(text("INSERT INTO alembic_version VALUES (:found)"), {"found": found})


@pytest.fixture
def empty(tmp_path: Path) -> Catalogue:
    return Catalogue(f"sqlite:///{tmp_path / 'x.sqlite'}")


def test_the_newest_migration_is_the_head_in_the_code() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_migrations_make_the_tables_of_the_code(empty: Catalogue) -> None:
    stamp(empty, "")
    migrate.bring_up_to_date(empty)
    assert revision(empty) == migrate.HEAD
    assert differences(empty) == []


def test_a_new_catalogue_has_the_tables_of_the_code(empty: Catalogue) -> None:
    migrate.bring_up_to_date(empty)
    migrate.bring_up_to_date(empty)
    assert revision(empty) == migrate.HEAD
    assert differences(empty) == []


def test_a_planted_difference_is_seen(empty: Catalogue) -> None:
    migrate.bring_up_to_date(empty)
    with empty.engine.begin() as connection:
        connection.execute(text("ALTER TABLE jobs DROP COLUMN progress"))
    assert differences(empty) != []


def test_a_catalogue_of_a_newer_server_is_refused(empty: Catalogue) -> None:
    stamp(empty, "9999")
    with pytest.raises(Refused) as caught:
        migrate.bring_up_to_date(empty)
    assert caught.value.reason == Reason.DATA_FOLDER_NEWER
    assert "9999" in caught.value.message
