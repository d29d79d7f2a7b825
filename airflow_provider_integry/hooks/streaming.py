"""A query's records on their way into a file: one page is written while the next one is fetched."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Any

from airflow_provider_integry.hooks.records import RecordWriter, WriteBehind

if TYPE_CHECKING:
    from airflow_provider_integry.connectors.run import ActivityCall
    from airflow_provider_integry.hooks.activities import RunsActivities
    from airflow_provider_integry.hooks.parts import Owner


def write_records(
    hook: RunsActivities,
    call: ActivityCall,
    path: str,
    compression: str | None = None,
    owner: Owner | None = None,
) -> dict[str, Any]:
    """Run a call and write what it gives; return what goes through XCom instead.

    Args:
        hook: The hook that started the call.
        call: The call, with nothing sent yet; with ``raw=True`` records are copied as they come.
        path: Object-storage URL of the target.
        compression: "gzip", or None for what the path says.
        owner: The task that writes; None for nobody that comes back.
    Returns:
        ``path``; ``records``, the number of lines; ``bytes``, the size of the file; ``pages``; ``cursor``, where a
        later call may go on, or None; for paging of kind auto also ``paging``, what was found.
    Raises:
        OutputPathError: The path cannot be written.
        OutputBrokenError: Writing broke off for a reason that may pass.
        IntegryError: The activity failed; nothing is left behind.
    """
    with RecordWriter(path, compression, owner) as writer, WriteBehind(writer) as behind:
        for page in hook.pages(call):
            behind.write(page if call.is_query else [page])
    return summarize(writer, call)


async def awrite_records(
    hook: RunsActivities,
    call: ActivityCall,
    path: str,
    compression: str | None = None,
    owner: Owner | None = None,
) -> dict[str, Any]:
    """Do what `write_records` does without blocking the event loop, also when it is cancelled."""
    stack = ExitStack()

    def open_writer() -> tuple[RecordWriter, WriteBehind]:
        writer = stack.enter_context(RecordWriter(path, compression, owner))
        return writer, stack.enter_context(WriteBehind(writer))

    # Threads go on when whoever awaits them is cancelled: what they have opened is to be closed by then.
    opening = asyncio.create_task(asyncio.to_thread(open_writer))
    try:
        writer, behind = await asyncio.shield(opening)
        async with aclosing(hook.apages(call)) as pages:
            async for page in pages:
                await asyncio.to_thread(behind.write, page if call.is_query else [page])
    except BaseException as error:
        await asyncio.wait({opening})
        await asyncio.to_thread(stack.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(stack.__exit__, None, None, None)
    return summarize(writer, call)


def summarize(writer: RecordWriter, call: ActivityCall) -> dict[str, Any]:
    """Return what goes through XCom instead of the records."""
    found = {} if call.paging_found is None else {"paging": call.paging_found}
    return {**writer.summary(), "pages": call.pages, "cursor": call.cursor, **found}
