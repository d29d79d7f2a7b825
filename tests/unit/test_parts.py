"""Hidden files of tasks that were killed: the next try of the same task removes them, and nobody else's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_integry.hooks.parts import Owner, name_part
from airflow_provider_integry.hooks.records import RecordWriter


def owner(try_number, run_id="r", *, is_repeated=False):
    task = SimpleNamespace(dag_id="d", run_id=run_id, task_id="t", map_index=-1, try_number=try_number)
    return Owner.of_task({"ti": task})._replace(is_repeated=is_repeated)


def leave(folder, whose, name="items.jsonl"):
    path = folder / name_part(name, whose)
    path.write_text("half")
    return path.name


def write(folder, whose):
    with RecordWriter(f"file://{folder}/items.jsonl", owner=whose) as writer:
        during = {path.name for path in folder.iterdir()}
        writer.write([{"id": 1}])
    return during, {path.name for path in folder.iterdir()}


def test_a_try_begins_by_removing_what_earlier_tries_have_left(tmp_path):
    left = {leave(tmp_path, owner(number)) for number in (1, 1, 2, 10)}

    during, after = write(tmp_path, owner(11))

    assert not left & during
    assert after == {"items.jsonl"}


def test_nobody_elses_files_are_touched(tmp_path):
    kept = {
        leave(tmp_path, owner(1, run_id="another run")),
        leave(tmp_path, owner(1), "items.jsonl.gz"),
        leave(tmp_path, owner(3)),
        leave(tmp_path, owner(4)),
        leave(tmp_path, None),
        ".items.jsonl.part",
        f".items.jsonl.{owner(1).key}-1.part",
        f".items.jsonl.{owner(1).key}-1.0123.part.mine",
    }
    for name in kept:
        (tmp_path / name).touch()

    assert write(tmp_path, owner(3))[1] == {*kept, "items.jsonl"}


def test_where_one_try_may_write_twice_it_removes_its_own_when_it_is_done(tmp_path):
    left, kept = leave(tmp_path, owner(2)), leave(tmp_path, owner(3))

    during, after = write(tmp_path, owner(2, is_repeated=True))

    assert left in during
    assert after == {kept, "items.jsonl"}


def test_a_try_that_was_given_up_and_works_on_leaves_the_file_alone(tmp_path):
    slow = RecordWriter(f"file://{tmp_path}/items.jsonl", owner=owner(1))
    slow.__enter__()
    slow.write([{"id": "old"}])
    write(tmp_path, owner(2))

    with pytest.raises(Exception, match="No such file"):
        slow.__exit__(None, None, None)
    assert (tmp_path / "items.jsonl").read_text() == '{"id":1}\n'


def test_outside_of_a_task_nobody_owns_anything(tmp_path):
    left = leave(tmp_path, owner(1))

    assert Owner.of_task({}) is None
    assert write(tmp_path, None)[1] == {left, "items.jsonl"}
