"""``@task.integry``: a Python task with a signed session in its hands."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from airflow_provider_integry.links import AuthorizeLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_integry.hooks.integry import IntegryHook

# What a decorated function may ask for by name.
INJECTED = ("session", "hook")


class _IntegryDecoratedOperator(DecoratedOperator, PythonOperator):
    """Run a function with the session of a connection.

    Args:
        integry_conn_id: The Airflow connection. (templated)
        end_user: End user whose authorization is used; None for the connection's own account. (templated)
        account: Which of several accounts of that end user. (templated)
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
        from airflow_provider_integry.hooks.integry import IntegryHook
        from airflow_provider_integry.hooks.task_failure import task_errors

        hook = IntegryHook(self.integry_conn_id, self.end_user, self.account, self.connector)
        self.python_callable = _inject(self.python_callable, hook)
        with task_errors():
            return super().execute(context)


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


def _inject(stripped: Callable[..., Any], hook: IntegryHook) -> Callable[..., Any]:
    """Return the function with session and hook in their places."""
    function: Callable[..., Any] = stripped.integry_function  # type: ignore[attr-defined]
    signature = inspect.signature(stripped)
    wanted = set(INJECTED) & set(inspect.signature(function).parameters)

    def collect(args: Any, kwargs: Any) -> dict[str, Any]:
        # By name, wherever the session stands among the parameters.
        by_name = dict(signature.bind(*args, **kwargs).arguments)
        for name, one in signature.parameters.items():
            if one.kind is one.VAR_KEYWORD:
                by_name.update(by_name.pop(name, {}))
        return {**by_name, **({"hook": hook} if "hook" in wanted else {})}

    @functools.wraps(stripped)
    def call(*args: Any, **kwargs: Any) -> Any:
        more = {"session": hook.get_conn()} if "session" in wanted else {}
        return function(**collect(args, kwargs), **more)

    @functools.wraps(stripped)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        named = collect(args, kwargs)
        if "session" not in wanted:
            return await function(**named)
        async with hook.get_async_conn() as session:
            return await function(**named, session=session)

    return acall if inspect.iscoroutinefunction(function) else call


def integry_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> TaskDecorator:
    """Turn a function into a task that gets the session of a connection.

    The function takes `session` (a `requests.Session` that signs; the asynchronous one in an ``async
    def``), `hook` (the `IntegryHook`), or both; its other parameters are the task's.

    Args:
        python_callable: The function.
        multiple_outputs: Whether a mapping that it returns becomes one XCom per key.
        kwargs: `integry_conn_id`, `end_user`, `account`, `connector`, and arguments of `PythonOperator`.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=_IntegryDecoratedOperator,
        **kwargs,
    )
