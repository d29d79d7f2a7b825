"""Tasks that act for end users, by executing them: each with its own credential, and each by itself when it fails."""

from __future__ import annotations

from datetime import timedelta

import flask
import pytest
from airflow import settings as airflow_settings
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from integration.customers import CONN_ID, Customers, FakeTask
from integration.entering import enter
from servers.api import build_api

from airflow_provider_integry.authorizations.tables import authorization as table
from airflow_provider_integry.decorators.integry import integry_task
from airflow_provider_integry.end_user_tasks import (
    end_user_outcomes,
    for_each_end_user,
    ready_accounts,
    ready_end_users,
)
from airflow_provider_integry.errors import ServerError
from airflow_provider_integry.hooks.outcomes import KEY
from airflow_provider_integry.operators.activity import IntegryActivityOperator
from airflow_provider_integry.operators.end_users import IntegryEndUsersOperator, cut_into_batches
from airflow_provider_integry.operators.outcomes import IntegryOutcomesOperator
from airflow_provider_integry.operators.request import IntegryRequestOperator
from airflow_provider_integry.sensors.activity import IntegryRecordSensor
from airflow_provider_integry.sensors.authorization import IntegryAuthorizationSensor
from airflow_provider_integry.whose import describe_whose, name_file

NAMES = ["ada", "1", "01", "a/../b", "é", "e\u0301"]


@pytest.fixture
def customers(serve, set_connection, fernet_key):
    return Customers(serve, set_connection)


@pytest.fixture
def task(monkeypatch):
    return FakeTask()


def context(task):
    return {"ti": task, "task": None, "outlet_events": {}}


def request(**fields):
    options = {"task_id": "t", "integry_conn_id": CONN_ID, "path": "/me", "deferrable": False, **fields}
    return IntegryRequestOperator(**{"retry_delay": timedelta(0), **options})


def states(table):
    return {one["end_user"]: one["state"] for one in table}


# -- one end user for each task ----------------------------------------------------------------------


def test_each_task_acts_with_the_credential_of_its_end_user(customers, task):
    customers.authorize(*NAMES)

    names = [request(end_user=name).execute(context(task))["name"] for name in NAMES]

    assert names == customers.callers() == [f"user of {name}" for name in NAMES]


def test_a_task_notes_whose_it_is_and_why_it_failed(customers, task):
    customers.authorize("ada", "bob")
    customers.revoke("bob")

    request(end_user="ada", account=None).execute(context(task))
    assert task.pushed[KEY] == [
        {"end_user": "ada", "account": None, "state": None, "reason": "", "link": None, "map_index": 0}
    ]
    with pytest.raises(AirflowFailException, match=r"not authorized for end user 'bob': it was revoked here"):
        request(end_user="bob").execute(context(task))

    [noted] = task.pushed[KEY]
    assert (noted["end_user"], noted["state"]) == ("bob", "failed")
    assert noted["reason"].startswith("NotAuthorizedError: Connection 'crm' is not authorized for end user 'bob'")
    assert customers.callers() == ["user of ada"]


def test_a_passing_error_is_noted_and_left_to_airflows_retries(customers, task):
    customers.authorize("ada")
    customers.server.fail("/me", 503)

    with pytest.raises(ServerError):
        request(end_user="ada").execute(context(task))

    assert task.pushed[KEY][0]["reason"].startswith("ServerError: ")


def test_an_error_that_does_not_say_whose_it_is_is_told_with_the_name(customers, task):
    customers.authorize("ada")

    with pytest.raises(AirflowFailException, match=r"^End user 'ada': HttpStatusError: "):
        request(end_user="ada", path="/missing").execute(context(task))


def test_a_task_for_the_connection_itself_notes_nothing(customers, task):
    with pytest.raises(AirflowFailException):
        request(path="/me").execute(context(task))

    assert task.pushed == {}


def test_what_airflow_cannot_keep_fails_no_task(customers, task, monkeypatch):
    customers.authorize("ada")
    monkeypatch.setattr(task, "xcom_push", lambda **_: 1 / 0)

    assert request(end_user="ada").execute(context(task))["name"] == "user of ada"


# -- a batch -----------------------------------------------------------------------------------------


def test_a_batch_goes_on_after_a_failure_and_fails_when_all_had_their_turn(customers, task):
    customers.authorize("ada", "bob", "eve")
    customers.revoke("ada")

    with pytest.raises(AirflowFailException, match=r"1 of 3 end users failed: 'ada': NotAuthorizedError: ") as caught:
        request(end_user=["ada", "bob", "eve"], retries=3).execute(context(task))

    assert "bob" not in str(caught.value)
    table = task.pushed["return_value"]
    assert states(table) == {"ada": "failed", "bob": "success", "eve": "success"}
    assert [one["result"] and one["result"]["name"] for one in table] == [None, "user of bob", "user of eve"]
    assert states(task.pushed[KEY]) == states(table)
    assert "result" not in task.pushed[KEY][0]
    assert customers.callers() == ["user of bob", "user of eve"]


def test_a_batch_returns_what_each_got(customers, task):
    customers.authorize(*NAMES)

    table = request(end_user=NAMES).execute(context(task))

    assert [(one["end_user"], one["result"]["name"]) for one in table] == [(name, f"user of {name}") for name in NAMES]
    assert customers.callers() == [f"user of {name}" for name in NAMES]
    assert "return_value" not in task.pushed


def test_passing_errors_of_a_batch_are_tried_again_after_the_others(customers, task):
    customers.authorize("ada", "bob")
    customers.server.fail("/me", 503)

    table = request(end_user=["ada", "bob"], retries=1).execute(context(task))

    assert states(table) == {"ada": "success", "bob": "success"}
    assert customers.callers() == ["user of bob", "user of ada"]


def test_passing_errors_are_not_tried_more_often_than_the_task_has_retries(customers, task):
    customers.authorize("ada")
    customers.server.fail("/me", 503, times=3)

    with pytest.raises(AirflowFailException, match="ServerError"):
        request(end_user=["ada"], retries=1).execute(context(task))

    assert customers.server.count("/me") == 2


def test_each_of_a_batch_has_a_file_of_its_own(customers, task, tmp_path):
    customers.authorize(*NAMES)

    table = request(end_user=NAMES, output_path=f"{tmp_path}/{{end_user}}.jsonl").execute(context(task))

    files = [one["result"]["path"] for one in table]
    assert len(set(files)) == len(list(tmp_path.iterdir())) == len(NAMES)
    assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}


def test_a_batch_that_would_write_one_file_is_refused_before_anything_is_sent(customers, task, tmp_path):
    customers.authorize("ada")

    with pytest.raises(AirflowFailException, match=r"write \{end_user\} into it"):
        request(end_user=["ada"], output_path=f"{tmp_path}/all.jsonl").execute(context(task))

    assert customers.server.seen == []


def test_the_results_of_a_batch_have_one_budget(customers, task, monkeypatch):
    customers.authorize("ada", "bob", "eve")
    monkeypatch.setenv("AIRFLOW__INTEGRY__MAX_XCOM_BYTES", "180")

    with pytest.raises(AirflowFailException, match=r"1 of 3 end users failed: 'eve': ResultTooLarge"):
        request(end_user=["ada", "bob", "eve"]).execute(context(task))


def test_an_empty_batch_does_nothing(customers, task):
    assert request(end_user=[]).execute(context(task)) == []
    assert customers.server.seen == []


def test_a_batch_of_something_else_is_refused(customers, task):
    with pytest.raises(AirflowFailException, match="one of the batch is int"):
        request(end_user=["ada", 7]).execute(context(task))


@pytest.mark.parametrize(
    "build",
    [
        IntegryAuthorizationSensor,
        lambda **fields: IntegryRecordSensor(activity="new_items", **fields),
    ],
)
def test_a_sensor_refuses_a_batch(build, task):
    with pytest.raises(AirflowFailException, match="waits for one end user, and was given 2"):
        build(task_id="t", integry_conn_id=CONN_ID, end_user=["a", "b"]).execute(context(task))


# -- incremental reads --------------------------------------------------------------------------------


class Runs(FakeTask):
    """The XComs of all runs of a task, in whatever order Airflow tells them."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def xcom_pull(self, *, task_ids, key, include_prior_dates):
        assert (task_ids, include_prior_dates) == (["t"], True)
        return [value for name, value in sorted(self.kept, key=str) if name == key]

    def xcom_push(self, *, key, value):
        if key != KEY:
            self.kept.append((key, value))


def test_each_end_user_goes_on_where_it_has_ended_whatever_place_it_has(serve, set_connection, fernet_key):
    found = Customers(serve, set_connection)
    found.authorize("ada", "bob")
    runs = Runs()

    def read(end_user):
        # `args` of /echo hold lists: the record is the query itself.
        return request(
            end_user=end_user,
            path="/echo",
            query={"n": "{{ 0 }}"},
            result="[{at: headers.Host, since: args.since}]",
            paging={"kind": "none"},
            incremental={"field": "at", "param": "since", "initial": "0"},
        ).execute({"ti": runs})

    host = found.server.url.removeprefix("http://")
    for place, name in enumerate(["ada", "bob", "ada", "bob", "ada"]):
        runs.map_index = place
        [record] = read(name)
        assert record["since"] == (["0"] if place < 2 else [host])
    assert len({key for key, _ in runs.kept}) == 2
    assert [value["number"] for key, value in runs.kept if key == runs.kept[0][0]] == [1, 2, 3]


# -- @task.integry and code of one's own ------------------------------------------------------------------


def build(function, *args, **kwargs):
    with DAG("d", schedule=None) as dag:
        integry_task(function, integry_conn_id=CONN_ID, retry_delay=timedelta(0))(*args, **kwargs)
    (operator,) = dag.tasks
    return operator


def who(session, end_user):
    return end_user, session.get("/me").json()["name"]


async def awho(end_user, session):
    async with session.get("/me") as answer:
        return end_user, (await answer.json())["name"]


@pytest.mark.parametrize("function", [who, awho])
def test_a_parameter_says_for_whom_the_session_is(customers, task, function):
    customers.authorize("ada")
    operator = build(function, end_user="ada")

    assert tuple(operator.execute(context(task))) == ("ada", "user of ada")
    assert task.pushed[KEY][0]["end_user"] == operator.whose == operator.end_user == "ada"


@pytest.mark.parametrize("function", [who, awho])
def test_a_function_is_called_for_each_of_a_batch(customers, task, function):
    customers.authorize("ada", "bob", "eve")
    customers.revoke("bob")

    with pytest.raises(AirflowFailException, match="1 of 3 end users failed: 'bob'"):
        build(function, end_user=["ada", "bob", "eve"]).execute(context(task))

    assert [one["result"] and tuple(one["result"]) for one in task.pushed["return_value"]] == [
        ("ada", "user of ada"),
        None,
        ("eve", "user of eve"),
    ]


def test_a_function_may_skip_an_end_user_and_fail_with_an_error_of_its_own(customers, task):
    customers.authorize("ada", "bob", "eve")

    def choose(hook, end_user):
        if end_user == "ada":
            raise AirflowSkipException("nothing to do")
        if end_user == "bob":
            raise KeyError("gone")
        return hook.get_token() != ""

    with pytest.raises(AirflowFailException, match="'bob': KeyError: 'gone'"):
        build(choose, end_user=["ada", "bob", "eve"]).execute(context(task))

    assert states(task.pushed[KEY]) == {"ada": "skipped", "bob": "failed", "eve": "success"}


def test_secrets_in_errors_of_somebodys_own_are_masked_before_they_are_kept(customers, task):
    customers.authorize("ada", "bob")

    def tell(hook, end_user):
        raise ValueError(f"https://api.example.com/?token={hook.get_token()}")

    for whose in (["ada"], "bob"):
        with pytest.raises((AirflowFailException, ValueError)):
            build(tell, end_user=whose).execute(context(task))
        assert task.pushed[KEY][0]["reason"] == "ValueError: https://api.example.com/?token=***"
    tokens = [grant.access_token for grant in customers.api.grants if grant.access_token]
    assert len(tokens) == 2
    assert [token for token in tokens if token in str(task.pushed)] == []


def test_a_file_that_is_written_in_the_triggerer_has_the_name_when_the_task_goes_on(customers, tmp_path):
    path = tmp_path / "a%2Fb.jsonl"
    path.write_text('{"at": 7}\n')
    runs = Runs()
    incremental = {"field": "at", "param": "since"}
    operator = request(
        end_user="a/b", output_path=f"{tmp_path}/{{end_user}}.jsonl", incremental=incremental, paging={"kind": "none"}
    )

    result = operator.execute_complete({"ti": runs}, {"status": "done", "result": {"path": str(path), "records": 1}})

    assert result == {"path": str(path), "records": 1, "newest": 7}


def test_what_ends_the_task_as_a_whole_ends_the_batch(customers, task):
    customers.authorize("ada", "bob")

    def stop(hook, end_user):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(stop, end_user=["ada", "bob"]).execute(context(task))
    # Who was in it is known all the same.
    assert states(task.pushed[KEY]) == {"ada": None, "bob": None}


def test_code_of_ones_own_acts_for_each(customers):
    customers.authorize("ada", "bob", "eve")
    customers.revoke("bob")

    def act(hook):
        return hook.get_conn().get("/me").json()["name"]

    table = for_each_end_user(CONN_ID, ["ada", "bob", "eve"], act, fails=False)

    assert [one["result"] for one in table] == ["user of ada", None, "user of eve"]
    assert table[1]["reason"].startswith("NotAuthorizedError: ")
    with pytest.raises(AirflowFailException, match="1 of 2 end users failed"):
        for_each_end_user(CONN_ID, ["ada", "bob"], act)


# -- who they are -------------------------------------------------------------------------------------------


def test_the_task_returns_those_who_are_ready(customers, task, caplog):
    customers.authorize("ada", "bob", "eve")
    customers.authorize("zoe", account="work")
    customers.revoke("bob")

    def find(**fields):
        return IntegryEndUsersOperator(task_id="t", integry_conn_id=CONN_ID, **fields).execute({})

    assert find() == ["ada", "eve"]
    assert find(batch_size=1) == [["ada"], ["eve"]]
    assert find(account="work") == ["zoe"]
    assert find(include=["revoked"]) == ["bob"]
    assert find(has_all_accounts=True) == [
        {"end_user": "ada", "account": None},
        {"end_user": "eve", "account": None},
        {"end_user": "zoe", "account": "work"},
    ]


def test_more_than_airflow_maps_come_in_batches(customers, monkeypatch):
    names = [f"user-{number:02}" for number in range(10)]
    customers.authorize(*names)
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "4")

    found = IntegryEndUsersOperator(task_id="t", integry_conn_id=CONN_ID).execute({})

    assert [len(batch) for batch in found] == [2, 3, 2, 3]
    assert [name for batch in found for name in batch] == names
    with pytest.raises(AirflowFailException, match="10 authorized accounts; Airflow maps 4"):
        IntegryEndUsersOperator(task_id="t", integry_conn_id=CONN_ID, has_all_accounts=True).execute({})


KEYS = {f"key-of-{name}": name for name in ("ada", "bob")}


def test_customers_who_have_entered_keys_are_listed_and_served_as_well(serve, set_connection, fernet_key, task):
    server = serve(build_api("keys", lambda: KEYS.get(flask.request.headers.get("X-Api-Key", ""))))
    set_connection(server.url, "integry_api_key", conn_id=CONN_ID, key_name="X-Api-Key", max_retries=0)
    for name in ("ada", "bob"):
        enter(CONN_ID, name, {"password": f"key-of-{name}"})

    found = IntegryEndUsersOperator(task_id="t", integry_conn_id=CONN_ID).execute({})

    assert found == ["ada", "bob"]
    assert [request(end_user=name).execute(context(task))["name"] for name in found] == found


def test_an_account_that_stands_in_for_another_is_looked_at_in_its_place(customers):
    customers.authorize("ada", "bob", "eve")
    customers.authorize("ada", "bob", account="work")
    customers.revoke("ada")
    # As changing the default account does: calls for the default one get the other.
    is_default, is_of_bob = table.c.account.is_(None), table.c.end_user == "bob"
    with airflow_settings.engine.begin() as database:
        database.execute(table.update().where(is_default, table.c.end_user != "eve").values(use_account="work"))
        database.execute(table.update().where(~is_default, is_of_bob).values(state="revoked"))

    def find(**fields):
        return IntegryEndUsersOperator(task_id="t", integry_conn_id=CONN_ID, **fields).execute({})

    # Of ada the default account is gone, and the other takes its place; of bob it is the other way round.
    assert find() == ["ada", "eve"]
    accounts = find(has_all_accounts=True)
    [own_of_bob] = [one["account"] for one in accounts if one["end_user"] == "bob"]
    assert own_of_bob.startswith("ca_")
    assert [one for one in accounts if one["end_user"] != "bob"] == [
        {"end_user": "eve", "account": None},
        {"end_user": "ada", "account": "work"},
    ]
    # Each of them can be called with.
    names = [request(**one).execute({})["name"] for one in accounts]
    assert sorted(names) == ["user of ada", "user of bob", "user of eve"]


@pytest.mark.parametrize(
    ("count", "size", "most", "lengths"),
    [
        (0, None, 4, None),
        (4, None, 4, None),
        (5, None, 4, [1, 2, 2]),
        (1025, None, 1024, {1, 2}),
        (10_000, 50, 1024, {50}),
        (10_000, 5, 1024, {10}),
        (3, 50, 1024, [3]),
        (0, 50, 1024, []),
    ],
)
def test_batches_are_of_nearly_one_size_and_no_more_than_airflow_maps(count, size, most, lengths):
    names = [str(number) for number in range(count)]

    found = cut_into_batches(names, size, most)

    assert len(found) <= most
    if lengths is None:
        assert found == names
    else:
        assert [name for batch in found for name in batch] == names
        sizes = [len(batch) for batch in found]
        assert (set(sizes) if isinstance(lengths, set) else sizes) == lengths


def test_several_of_them_fit_into_one_dag():
    with DAG("d", schedule=None) as dag:
        users = ready_end_users("crm")
        others = ready_end_users("erp", batch_size=20)
        IntegryRequestOperator.partial(task_id="me", integry_conn_id="crm", path="/me").expand(end_user=users)
        IntegryRequestOperator.partial(task_id="you", integry_conn_id="erp", path="/me").expand(end_user=others)
        IntegryRequestOperator.partial(task_id="all", integry_conn_id="erp", path="/me").expand_kwargs(
            ready_accounts("erp")
        )
        end_user_outcomes(dag.get_task("me"), dag.get_task("you"))

    assert {"ready_end_users", "ready_end_users__1", "ready_accounts", "end_user_outcomes"} <= set(dag.task_ids)
    assert dag.get_task("end_user_outcomes").upstream_task_ids == {"me", "you"}
    assert dag.get_task("end_user_outcomes").of == ["me", "you"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"batch_size": 0}, "'batch_size' is 0"),
        ({"include": "ready"}, "'include' is a list of: pending, ready"),
        ({"include": ["raedy"]}, r"it has \['raedy'\]"),
        ({"include": []}, "it has nothing"),
        ({"batch_size": 5, "has_all_accounts": True}, "does not go with accounts"),
    ],
)
def test_wrong_arguments_are_told_when_the_dag_is_read(fields, words):
    with pytest.raises(ValueError, match=words):
        IntegryEndUsersOperator(task_id="t", integry_conn_id=CONN_ID, **fields)


# -- names in Airflow's grid and in paths --------------------------------------------------------------------


def test_the_grid_shows_whose_a_mapped_task_is():
    template = "{{ task.whose or ti.map_index }}"
    with DAG("d", schedule=None):
        mapped = [
            IntegryActivityOperator.partial(task_id="a", integry_conn_id="c", activity="x").expand(end_user=["u"]),
            IntegryRequestOperator.partial(task_id="b", integry_conn_id="c", path="/").expand(end_user=["u"]),
            IntegryAuthorizationSensor.partial(task_id="c", integry_conn_id="c").expand(end_user=["u"]),
            integry_task(who, integry_conn_id="c").expand(end_user=["u"]).operator,
        ]
        fixed = IntegryRequestOperator.partial(task_id="d", integry_conn_id="c", end_user="u").expand(path=["/a", "/b"])
        own = IntegryRequestOperator.partial(
            task_id="e", integry_conn_id="c", path="/", map_index_template="{{ 1 }}"
        ).expand(end_user=["u"])

    assert [one.map_index_template for one in mapped] == [template] * 4
    assert fixed.map_index_template is None
    assert own.map_index_template == "{{ 1 }}"


@pytest.mark.parametrize(
    ("end_user", "account", "words"),
    [
        (None, None, ""),
        ("ada", None, "ada"),
        ("ada", "work", "ada (work)"),
        (["ada", "bob"], None, "2 end users, from ada"),
        ([], None, "0 end users"),
    ],
)
def test_whose_a_task_is_in_words(end_user, account, words):
    assert describe_whose(end_user, account) == words


def test_the_grid_has_room_for_every_name():
    assert len(describe_whose("u" * 255, "a" * 255)) <= 250
    assert len(describe_whose(["u" * 255] * 5000)) <= 250


def test_a_name_is_one_part_of_a_path_and_nobody_elses():
    names = [
        "a",
        "A",
        "..",
        ".",
        "a/b",
        "a%2Fb",
        "a\\b",
        "é",
        "e\u0301",
        " 1",
        "1",
        "u" * 255,
        "u" * 254,
        "é" * 255,
        "a.b",
    ]
    found = [name_file("s3://bucket/{end_user}/x.jsonl", name) for name in names]

    assert len(set(found)) == len(names)
    for path in found:
        middle = path.removeprefix("s3://bucket/").removesuffix("/x.jsonl")
        assert "/" not in middle
        assert "." not in middle
        assert 0 < len(middle) <= 200
    assert name_file("s3://bucket/x.jsonl", "a") == "s3://bucket/x.jsonl"


# -- how it went ---------------------------------------------------------------------------------------------


class Ended(FakeTask):
    """The task instance of the last task of a run: what Airflow tells it of those before."""

    def __init__(self, told, noted):
        super().__init__(map_index=-1)
        self._told, self._noted = told, noted

    def get_task_states(self, *, dag_id, task_ids, run_ids):
        assert (dag_id, run_ids) == ("d", ["r"])
        return {"r": self._told[task_ids[0]]} if self._told.get(task_ids[0]) else {}

    def xcom_pull(self, *, task_ids, key):
        assert key == KEY
        return self._noted.get(task_ids[0], [])


def outcome(end_user, place, state=None, reason="", link=None):
    return {
        "end_user": end_user, "account": None, "state": state, "reason": reason, "link": link, "map_index": place
    }  # fmt: skip


TOLD = {
    "call": {"call_0": "success", "call_1": "failed", "call_2": "failed", "call_10": "success"},
    "call_1": {"call_1_0": "success"},
    "batch": {"batch_0": "failed"},
    "never": {"never": "upstream_failed"},
    "none": {"none": "skipped"},
}
NOTED = {
    "call": [[outcome("a", 0)], [outcome("b", 1, "failed", "revoked", "http://x")], [outcome("z", 10)]],
    "call_1": [[outcome("a", 0)]],
    "batch": [[outcome("a", 0, "success"), outcome("b", 0, "failed", "down"), outcome("c", 0)]],
}


def gather(*of, **fields):
    task = Ended(TOLD, NOTED)
    operator = IntegryOutcomesOperator(task_id="o", of=of, **fields)
    try:
        return operator.execute({"ti": task}), None
    except AirflowFailException as error:
        return task.pushed["return_value"], str(error)


def test_outcomes_tell_every_end_user_with_state_and_reason():
    table, error = gather("call", fail="never")

    assert error is None
    assert [(one["end_user"], one["map_index"], one["state"], one["reason"], one["link"]) for one in table] == [
        ("a", 0, "success", "", None),
        ("b", 1, "failed", "revoked", "http://x"),
        (None, 2, "failed", "The task ended without a reason; see its log.", None),
        ("z", 10, "success", "", None),
    ]


def test_outcomes_of_a_batch_are_told_one_by_one():
    table, error = gather("batch")

    assert [(one["end_user"], one["state"]) for one in table] == [("a", "success"), ("b", "failed"), ("c", "failed")]
    assert error.startswith("2 of 3 end users failed: 'b': down; 'c': The task ended without a reason")


@pytest.mark.parametrize(
    ("of", "fail", "fails"),
    [
        (["call"], "any", True),
        (["call"], "all", False),
        (["call"], "never", False),
        (["never"], "all", True),
        (["call_1"], "any", False),
        (["none"], "any", False),
    ],
)
def test_whether_the_run_fails_is_asked_for(of, fail, fails):
    assert (gather(*of, fail=fail)[1] is not None) is fails


def test_wrong_arguments_of_outcomes_are_told_when_the_dag_is_read():
    for fields in ({"of": "call"}, {"of": []}, {"of": ["call"], "fail": "some"}):
        with pytest.raises(ValueError, match="Argument"):
            IntegryOutcomesOperator(task_id="o", **fields)


def test_outcomes_wait_for_all_whatever_became_of_them():
    assert IntegryOutcomesOperator(task_id="o", of=["a"]).trigger_rule == "all_done"
