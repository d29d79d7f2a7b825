"""Something that a person wrote is wrong."""

from __future__ import annotations

from airflow_provider_integry.errors.base import IntegryError


class ConfigurationError(IntegryError):
    """Something a person wrote is wrong; calling again will not help."""


class ConnectionConfigError(ConfigurationError):
    """A field of an Airflow connection is missing or wrong.

    Args:
        conn_id: The connection.
        field: Name of the field as it stands in the form or in `extra`.
        problem: What is wrong and what to do, without the value of a secret field.
    """

    def __init__(self, conn_id: str, field: str, problem: str) -> None:
        super().__init__(f"Connection '{conn_id}', field '{field}': {problem}")
        self.conn_id = conn_id
        self.field = field
        self.problem = problem


class MissingFieldError(ConnectionConfigError):
    """A field that is needed is empty: the connection is not complete yet."""


class UnknownConnectionTypeError(ConnectionConfigError):
    """The connection's type is not one of this provider's."""


class UrlNotAllowedError(ConfigurationError):
    """A URL that may not be called: scheme, user info, host or characters.

    Args:
        what: Which URL ("base URL", "field 'exchange_url'").
        problem: What is wrong and what to do.
    """

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what}: {problem}")
        self.what = what
        self.problem = problem


class CredentialFormatError(ConfigurationError):
    """A credential that cannot be put on the wire (control characters, unreadable key ...).

    Args:
        what: Which credential, by its field name.
        problem: What is wrong and what to do; never the value.
    """

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what}: {problem}")
        self.what = what
        self.problem = problem


class EnteredFieldError(ConfigurationError):
    """What an end user has entered for a field of an account cannot be used; nothing was stored.

    Args:
        field: Name of the field.
        problem: What is wrong and what to do; never the value.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"Field '{field}': {problem}")
        self.field = field
        self.problem = problem


class ConnectorNotFoundError(ConfigurationError):
    """No connector of that name in any of the places that were looked at."""

    def __init__(self, name: str, looked_in: list[str], suggestion: str | None = None) -> None:
        hint = f" Did you mean '{suggestion}'?" if suggestion else ""
        places = "; ".join(looked_in) or "nowhere"
        super().__init__(
            f"There is no connector '{name}'.{hint} Looked in: {places}. Put the YAML file into the"
            " folder of option [integry] connectors_folder, or give its path."
        )
        self.name = name
        self.looked_in = looked_in
        self.suggestion = suggestion


class ConnectorFormatError(ConfigurationError):
    """A connector description is not valid.

    Args:
        source: File name or connector name.
        key: Dotted path of the wrong key, for example ``activities.list_contacts.paging.cursor``.
        problem: What is wrong and what is allowed.
        line: Line in the file, from 1, where known.
    """

    def __init__(self, source: str, key: str, problem: str, line: int | None = None) -> None:
        where = f"{source}, line {line}" if line else source
        at = f" at '{key}'" if key else ""
        super().__init__(f"Connector {where}{at}: {problem}")
        self.source = source
        self.key = key
        self.problem = problem
        self.line = line


class ApiDescriptionError(ConfigurationError):
    """An OpenAPI document that no connector can be made of.

    Args:
        source: Name of the file.
        problem: What is wrong and what to do.
    """

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"OpenAPI document {source}: it {problem}")
        self.source = source
        self.problem = problem


class UnknownActivityError(ConfigurationError):
    """The connector has no activity of that name."""

    def __init__(self, connector: str, activity: str, known: list[str], suggestion: str | None = None) -> None:
        hint = f" Did you mean '{suggestion}'?" if suggestion else ""
        super().__init__(
            f"Connector '{connector}' has no activity '{activity}'.{hint} It has: {', '.join(known) or 'none'}."
        )
        self.connector = connector
        self.activity = activity
        self.known = known
        self.suggestion = suggestion


class InvalidInputError(ConfigurationError):
    """An input of an activity is missing, unknown or ill-typed; nothing was sent.

    Args:
        activity: The activity.
        path: Dotted path of the input, for example ``contact.email``; empty for the whole.
        problem: What is wrong and what is allowed.
    """

    def __init__(self, activity: str, path: str, problem: str) -> None:
        at = f" '{path}'" if path else "s"
        super().__init__(f"Activity '{activity}', input{at}: {problem}")
        self.activity = activity
        self.path = path
        self.problem = problem


class OutputPathError(ConfigurationError):
    """`output_path` cannot be written."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"output_path '{path}': {problem}")
        self.path = path
        self.problem = problem
