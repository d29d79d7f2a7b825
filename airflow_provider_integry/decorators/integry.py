"""``@task.integry``: a Python task with a signed session in its hands."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from airflow_provider_integry.links import AuthorizeLink
from airflow_provider_integry.whose import TEMPLATE, ActsForEndUsers, describe_whose, is_batch

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.hooks.integry import IntegryHook
    from airflow_provider_integry.hooks.outcomes import Batch

# What a decorated function may ask for by name.
INJECTED = ("session", "hook")
# What it may take as parameters, to be mapped over: they say for whom the session is.
WHOSE = ("end_user", "account")


class _IntegryDecoratedOperator(ActsForEndUsers, DecoratedOperator, PythonOperator):
    """Run a function with the session of a connection.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        end_user: End user whose authorization is used; None for the function's parameter of this name, or for the
            connection's own account where it has none. (templated)
        account: Which of several accounts of that end user, likewise. (templated)
        connector: Name or path of the connector; None for the connection's own. (templated)
        python_callable: The function; it takes `session`, `hook`, or both.
        op_args: Its other arguments.
        op_kwargs: Its other arguments by name.
        kwargs: Arguments of `PythonOperator`.
    """

    custom_operator_name: str = "@task.integry"
    template_fields: Sequence[str] = (
        *PythonOperator.template_fields,
        "integry_conn_id",
        "end_user",
        "account",
        "connector",
    )
    operator_extra_links = (AuthorizeLink(),)
    ui_color = "#cfe2f3"

    def __init__(
        self,
        *,
        integry_conn_id: str,
        python_callable: Callable[..., Any],
        end_user: str | None = None,
        account: str | None = None,
        connector: str | None = None,
        **kwargs: Any,
    ) -> None:
        stripped = _strip(python_callable)
        given = {key: kwargs.get(key) for key in ("op_args", "op_kwargs")}
        super().__init__(python_callable=stripped, kwargs_to_upstream={"python_callable": stripped, **given}, **kwargs)
        self.integry_conn_id = integry_conn_id
        self.end_user = end_user
        self.account = account
        self.connector = connector

    def execute(self, context: Context) -> Any:
        """Call the function.

        Raises:
            AirflowFailException: An error of this provider that a retry cannot mend.
        """
        # Lazy for start-up cost: the hook is not needed to parse a DAG file.
        from airflow_provider_integry.hooks.outcomes import acting_for, build_batch
        from airflow_provider_integry.hooks.task_failure import task_errors

        named = self._named()
        end_user, account = (
            getattr(self, name) if getattr(self, name) is not None else named.get(name) for name in WHOSE
        )
        # For the link to the page on which it is authorized.
        self.account, self.end_user = account, None if is_batch(end_user) else end_user
        if is_batch(end_user):
            batch = build_batch(self, end_user, account)
            batch.open(context)
            self.python_callable = _repeat(self.python_callable, self._build_hook, batch)
            super().execute(context)
            return batch.close(context)
        self.python_callable = _inject(self.python_callable, self._build_hook(end_user))
        with acting_for(context, end_user, account), task_errors(end_user):
            return super().execute(context)

    @property
    def whose(self) -> str:
        """Who this task acts for; see `ActsForEndUsers`."""
        named = self._named()
        found = (getattr(self, name) if getattr(self, name) is not None else named.get(name) for name in WHOSE)
        return describe_whose(*found)

    def _named(self) -> Mapping[str, Any]:
        """Return what the function is given for its parameters `end_user` and `account`."""
        signature = inspect.signature(self.python_callable)
        bound = signature.bind_partial(*self.op_args, **self.op_kwargs)
        bound.apply_defaults()
        return {name: bound.arguments[name] for name in WHOSE if name in bound.arguments}

    def _build_hook(self, end_user: str | None) -> IntegryHook:
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.hooks.integry import IntegryHook

        return IntegryHook(self.integry_conn_id, end_user, self.account, self.connector)


def _strip(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with a signature that leaves out what is injected.

    Airflow binds the arguments that were given to the signature, long before there is a session.
    """
    if getattr(function, "integry_function", None) is not None:
        return function
    signature = inspect.signature(function)
    if any(one.kind in (one.POSITIONAL_ONLY, one.VAR_POSITIONAL) for one in signature.parameters.values()):
        raise TypeError("@task.integry: parameters are passed by name; take '/' and '*args' out of the function")
    if not set(INJECTED) & set(signature.parameters):
        raise TypeError(
            f"@task.integry: function '{getattr(function, '__name__', function)}' takes neither 'session' nor 'hook';"
            " add one of them to its parameters, or use @task"
        )

    @functools.wraps(function)
    def stripped(*args: Any, **kwargs: Any) -> Any:
        raise TypeError("a function of @task.integry has its session only inside of its task")

    kept = [one for name, one in signature.parameters.items() if name not in INJECTED]
    stripped.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    stripped.integry_function = function  # type: ignore[attr-defined]
    return stripped


def _collect(stripped: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """Return a function's arguments by name, wherever the session stands among its parameters."""
    signature = inspect.signature(stripped)
    by_name = dict(signature.bind(*args, **kwargs).arguments)
    for name, one in signature.parameters.items():
        if one.kind is one.VAR_KEYWORD:
            by_name.update(by_name.pop(name, {}))
    return by_name


def _inject(stripped: Callable[..., Any], hook: IntegryHook) -> Callable[..., Any]:
    """Return the function with session and hook in their places."""
    function: Callable[..., Any] = stripped.integry_function  # type: ignore[attr-defined]
    wanted = set(INJECTED) & set(inspect.signature(function).parameters)
    given = {"hook": hook} if "hook" in wanted else {}

    @functools.wraps(stripped)
    def call(*args: Any, **kwargs: Any) -> Any:
        more = {"session": hook.get_conn()} if "session" in wanted else {}
        return function(**_collect(stripped, args, kwargs), **given, **more)

    @functools.wraps(stripped)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        named = {**_collect(stripped, args, kwargs), **given}
        if "session" not in wanted:
            return await function(**named)
        async with hook.get_async_conn() as session:
            return await function(**named, session=session)

    return acall if inspect.iscoroutinefunction(function) else call


def _repeat(
    stripped: Callable[..., Any], build_hook: Callable[[str | None], IntegryHook], batch: Batch
) -> Callable[..., Any]:
    """Return the function as one that is called for each end user of a batch."""
    # Lazy for start-up cost: not needed to parse a DAG file.
    from airflow_provider_integry.hooks.task_failure import task_errors

    function: Callable[..., Any] = stripped.integry_function  # type: ignore[attr-defined]
    takes_end_user = "end_user" in inspect.signature(stripped).parameters

    def prepare(end_user: str, args: Any, kwargs: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
        named = _collect(stripped, args, kwargs)
        return _inject(stripped, build_hook(end_user)), {**named, **({"end_user": end_user} if takes_end_user else {})}

    @functools.wraps(stripped)
    def call(*args: Any, **kwargs: Any) -> None:
        for turn in batch.turns():
            with turn, task_errors(turn.end_user):
                one, named = prepare(turn.end_user, args, kwargs)
                turn.result = one(**named)

    @functools.wraps(stripped)
    async def acall(*args: Any, **kwargs: Any) -> None:
        for turn in batch.turns():
            with turn, task_errors(turn.end_user):
                one, named = prepare(turn.end_user, args, kwargs)
                turn.result = await one(**named)

    return acall if inspect.iscoroutinefunction(function) else call


def integry_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> TaskDecorator:
    """Turn a function into a task that gets the session of a connection.

    The function takes `session` (a `requests.Session` that signs; the asynchronous one in an ``async
    def``), `hook` (the `IntegryHook`), or both; its other parameters are the task's. Parameters called `end_user` and
    `account` say for whom the session is, so that ``sync.expand(end_user=ready_end_users("crm"))`` works; with a list
    of end users the function is called for one after the other.

    Args:
        python_callable: The function.
        multiple_outputs: Whether a mapping that it returns becomes one XCom per key.
        kwargs: `integry_conn_id`, `end_user`, `account`, `connector`, and arguments of `PythonOperator`.
    """
    # Airflow's grid shows whose a mapped task is.
    kwargs.setdefault("map_index_template", TEMPLATE)
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=_IntegryDecoratedOperator,
        **kwargs,
    )
