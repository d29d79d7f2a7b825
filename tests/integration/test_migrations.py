"""The provider's tables come and go with Airflow's, on SQLite and PostgreSQL, and are what the models say."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from integration.command_line import Installation
from sqlalchemy import MetaData, Table, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from airflow_provider_integry.authorizations.grant import AuthorizationKey
from airflow_provider_integry.authorizations.store import AuthorizationStore
from airflow_provider_integry.authorizations.tables import VERSION_TABLE
from airflow_provider_integry.authorizations.trigger_tables import metadata

HEAD = "e41b7d92c5a8"
FIRST = "c1f0a7d2b901"
TABLE = "integry_authorization"
VALUES = {"conn_type": "integry_oauth2", "binding": "b" * 64, "is_grant": True, "sealed": "sealed-1"}
MIGRATIONS = [
    import_module(f"airflow_provider_integry.authorizations.migrations.versions.{name}")
    for name in (
        "0001_authorizations",
        "0002_consents",
        "0003_listing",
        "0004_permits",
        "0005_triggers",
        "0006_accounts",
    )
]


def url_of(kind, name, request, folder):
    if kind == "sqlite":
        return f"sqlite:///{folder / f'{name}.db'}"
    return request.getfixturevalue(kind).create_database(name)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def installation(request, tmp_path_factory):
    """An Airflow whose database was made by `airflow db migrate` alone."""
    folder = tmp_path_factory.mktemp(f"migrated-{request.param}")
    found = Installation(folder, url_of(request.param, "migrated", request, folder))
    found.migrate()
    return found


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def engine(request, tmp_path):
    found = create_engine(url_of(request.param, "history", request, tmp_path), poolclass=NullPool)
    yield found
    found.dispose()


def run_migrations(engine, direction):
    steps = MIGRATIONS if direction == "upgrade" else reversed(MIGRATIONS)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        for one in steps:
            getattr(one, direction)()


def tables_of(database):
    engine = create_engine(database, poolclass=NullPool)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def execute(database, *statements):
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        results = [connection.execute(text(one)) for one in statements]
        found = [one.scalar() if one.returns_rows else None for one in results]
    engine.dispose()
    return found


def differences(engine):
    """Return what Alembic would change to make a database what the models say."""
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_object": lambda item, name, kind, *_: kind != "table" or name in metadata.tables,
    }
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def test_the_migrations_make_what_the_models_say(engine):
    run_migrations(engine, "upgrade")

    assert differences(engine) == []


def test_a_difference_would_be_noticed(engine):
    run_migrations(engine, "upgrade")
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {TABLE} DROP COLUMN scopes"))
        connection.execute(text(f"ALTER TABLE {TABLE} ADD COLUMN unknown INTEGER"))

    assert {(kind, column.name) for kind, _, _, column in differences(engine)} == {
        ("add_column", "scopes"),
        ("remove_column", "unknown"),
    }


def test_the_history_goes_down_and_up_again_over_data(engine):
    store = AuthorizationStore(lambda: engine)
    key = AuthorizationKey("crm")
    run_migrations(engine, "upgrade")
    assert store.add(key, VALUES)

    run_migrations(engine, "downgrade")
    assert inspect(engine).get_table_names() == []
    run_migrations(engine, "upgrade")

    assert store.count() == 0
    assert store.add(key, VALUES)
    assert not store.add(key, VALUES)
    assert differences(engine) == []


def test_authorizations_of_before_get_public_ids_and_keep_what_they_hold(engine):
    *before, newest = MIGRATIONS
    rows = [{**VALUES, "digest": f"{number:064}", "sealed": f"sealed-{number}"} for number in range(1000)]
    counts = {"conn_id": "crm", "state": "active", "version": 1, "generation": 0, "is_rotating": False, "failures": 0}
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        for one in before:
            one.upgrade()
        old = Table(TABLE, MetaData(), autoload_with=connection)
        connection.execute(old.insert(), [{**one, **counts, "created_at": 1.0} for one in rows])
        newest.upgrade()
        # Tables whose version was lost are migrated again.
        newest.upgrade()
    store = AuthorizationStore(lambda: engine)
    found = store.page(["crm"], limit=2000)

    assert len({row.public_id for row in found}) == 1000
    assert all(re.fullmatch("ca_[0-9a-f]{32}", row.public_id) for row in found)
    assert store.find(f"{7:064}").sealed == "sealed-7"
    assert differences(engine) == []
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        newest.downgrade()
        kept = connection.execute(text(f"SELECT count(*) FROM {TABLE} WHERE sealed LIKE 'sealed-%'")).scalar()
        columns = {column["name"] for column in inspect(connection).get_columns(TABLE)}
    assert (kept, {"public_id", "use_account"} & columns) == (1000, set())


def test_airflows_migrate_makes_our_tables_in_a_new_database(installation):
    assert {TABLE, VERSION_TABLE, "dag_run"} <= tables_of(installation.database)
    assert execute(installation.database, f"SELECT version_num FROM {VERSION_TABLE}") == [HEAD]
    engine = create_engine(installation.database, poolclass=NullPool)
    assert differences(engine) == []
    engine.dispose()
    done = installation.integry("db", "check")
    assert (done.returncode, HEAD in done.stdout) == (0, True)


def test_airflows_migrate_makes_our_tables_in_a_database_that_is_older_than_the_provider(installation):
    execute(installation.database, *(f"DROP TABLE {name}" for name in (*metadata.tables, VERSION_TABLE)))
    missing = installation.integry("status")
    unchecked = installation.integry("db", "check")

    installation.migrate()

    assert missing.returncode == 1
    assert "Run 'airflow db migrate'" in missing.stderr
    assert "Traceback" not in missing.stderr
    assert (unchecked.returncode, "are missing" in unchecked.stderr) == (1, True)
    assert {TABLE, VERSION_TABLE} <= tables_of(installation.database)
    assert installation.integry("db", "check").returncode == 0


def test_tables_without_a_version_are_taken_for_the_first_and_migrated_from_there(installation):
    execute(installation.database, f"DROP TABLE {VERSION_TABLE}")

    installation.migrate()

    assert execute(installation.database, f"SELECT version_num FROM {VERSION_TABLE}") == [HEAD]


def test_our_own_commands_take_the_tables_down_and_up(installation):
    add_row(installation)
    refused = installation.integry("db", "downgrade", "--revision", "base", said="n\n")
    unknown = installation.integry("db", "downgrade", "--revision", "abc", "--yes")
    nobody = installation.integry("db", "downgrade", "--revision", "base")
    kept = execute(installation.database, f"SELECT count(*) FROM {TABLE}")

    down = installation.integry("db", "downgrade", "--revision", "base", said="y\n")
    tables = tables_of(installation.database)
    again = installation.integry("db", "downgrade", "--revision", "base", "--yes")
    up = installation.integry("db", "upgrade", "--revision", "head")

    assert (refused.returncode, unknown.returncode, nobody.returncode, kept) == (1, 1, 1, [1])
    assert "1 authorizations: every grant in them is lost" in refused.stdout
    assert "Nothing was done" in refused.stderr
    assert f"there are: {HEAD}, d83f6a17be02, c1d7e50b9a24, a94c03e7f5d1, 5b8e21d9c402, {FIRST}, base" in unknown.stderr
    assert "Give --yes" in nobody.stderr
    assert (down.returncode, TABLE in tables, "dag_run" in tables) == (0, False, True)
    assert (again.returncode, "nothing to take back" in again.stderr) == (1, True)
    # With a revision, the migration files run; without, Airflow makes the tables from the models.
    assert (up.returncode, HEAD in up.stdout) == (0, True)
    assert execute(installation.database, f"SELECT count(*) FROM {TABLE}") == [0]


def test_upgrade_without_a_revision_is_done_at_once_when_nothing_is_to_do(installation):
    first, second = installation.integry("db", "upgrade"), installation.integry("db", "upgrade")

    assert (first.returncode, second.returncode) == (0, 0)
    assert f"at revision {HEAD}" in second.stdout


def test_airflows_reset_takes_our_tables_along(installation):
    add_row(installation)

    done = installation.airflow("db", "reset", "--yes")

    assert done.returncode == 0, done.stderr[-3000:]
    assert execute(installation.database, f"SELECT count(*) FROM {TABLE}") == [0]


def add_row(installation):
    engine = create_engine(installation.database, poolclass=NullPool)
    assert AuthorizationStore(lambda: engine).add(AuthorizationKey("crm"), VALUES)
    engine.dispose()
