"""What the database says, as one clear sentence; its own texts may hold values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from airflow_provider_integry.errors import StoreNotReadyError, StoreUnavailableError

NO_TABLES = (
    "The tables of airflow-provider-integry are missing from Airflow's database, or are older than this version."
    " Run 'airflow db migrate' (or 'airflow integry db upgrade') where the database is."
)
# What databases say of a table or column that is not there: SQLite's text, PostgreSQL's class, MySQL's number.
_MISSING_TEXTS = ("no such table", "no such column")
_MISSING_CLASSES = ("UndefinedTable", "UndefinedColumn")
_MISSING_NUMBERS = (1146, 1054)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn errors of the database into this package's own; a violated constraint stays what it is."""
    try:
        yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        failed = _explain(error)
    else:
        return
    # Without the database's own error: it holds the statement with its values.
    raise failed from None


def _explain(error: SQLAlchemyError) -> StoreNotReadyError | StoreUnavailableError:
    original = getattr(error, "orig", None) if isinstance(error, DBAPIError) else None
    kind = type(original or error).__name__
    if original is not None and _is_missing(original):
        return StoreNotReadyError(NO_TABLES)
    return StoreUnavailableError(f"Airflow's database does not answer ({kind}); trying again may help.")


def _is_missing(original: BaseException) -> bool:
    # A number alone says nothing: the text of a lost connection names its port.
    number = original.args[0] if original.args else None
    is_named = type(original).__name__ in _MISSING_CLASSES or number in _MISSING_NUMBERS
    return is_named or any(text in str(original) for text in _MISSING_TEXTS)
