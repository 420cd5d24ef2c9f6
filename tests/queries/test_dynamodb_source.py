"""A table as a source: what DynamoDB is asked, whose items are read, and how many."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import get_session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from trellis_process import ProcessKey
from trellis_process.queries import DynamoDBSource, Query, QueryError, Sources
from trellis_process.worker import Failed

from .asking import PROCESS, a_query, a_source

serialize = TypeSerializer().serialize


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A DynamoDB in this program, with tables for the tests to fill."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = get_session().create_client("dynamodb")
        client.create_table(
            TableName="people",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "tenant_id", "KeyType": "HASH"},
                {"AttributeName": "id", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": kind}
                for name, kind in [("tenant_id", "S"), ("id", "N"), ("by_city", "S"), ("at", "S")]
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_city",
                    "KeySchema": [
                        {"AttributeName": "by_city", "KeyType": "HASH"},
                        {"AttributeName": "at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        yield client


def put(cloud: Any, *rows: dict[str, Any], tenant_id: str = "tenant-1") -> None:
    for n, row in enumerate(rows):
        item = {"tenant_id": tenant_id, "id": n, **row}
        cloud.put_item(
            TableName="people", Item={name: serialize(value) for name, value in item.items()}
        )


def the_people(**more: Any) -> DynamoDBSource:
    return DynamoDBSource("people", **{"partition_key": "tenant_id", "sort_key": "id", **more})


def by_city(**more: Any) -> DynamoDBSource:
    return DynamoDBSource(
        "people",
        **{
            "index": "by_city",
            "partition_key": "by_city",
            "partition": "{tenant_id}#{city}",
            "sort_key": "at",
            **more,
        },
    )


class Watched:
    """The requests that a source makes, each answered by DynamoDB all the same."""

    def __init__(self, source: DynamoDBSource) -> None:
        self.requests: list[dict[str, Any]] = []
        client = source._connected()
        client.meta.events.register("provide-client-params.dynamodb.Query", self._see)
        client.meta.events.register("before-call.dynamodb.Scan", self._refuse)

    def _see(self, params: dict[str, Any], **_: Any) -> None:
        self.requests.append(dict(params))

    def _refuse(self, **_: Any) -> None:
        raise AssertionError("a table is never scanned")


def ids(source: DynamoDBSource, query: Query | None = None, **asked: Any) -> list[Any]:
    """The ids of the rows that are answered."""
    sources = Sources()
    sources.add("people", source)
    return [row["id"] for row in sources.rows(query or a_query(**asked), PROCESS)]


# -- whose items -----------------------------------------------------------------------------


def test_only_the_items_of_the_tenant_that_asks_are_read(cloud: Any) -> None:
    put(cloud, {"name": "Ann"}, {"name": "Bob"})
    put(cloud, {"name": "Eve"}, tenant_id="tenant-2")
    source = the_people()
    watched = Watched(source)

    assert ids(source) == [0, 1]
    assert ids(source, tenant_id="tenant-2") == []
    assert ids(source, tenant_id__ne="tenant-1") == []
    for request in watched.requests:
        assert request["KeyConditionExpression"] == "#n0 = :v0"
        assert request["ExpressionAttributeNames"]["#n0"] == "tenant_id"
        assert request["ExpressionAttributeValues"][":v0"] == {"S": "tenant-1"}


def test_a_key_may_be_made_of_the_tenant_and_of_what_a_filter_asks_for(cloud: Any) -> None:
    put(cloud, {"by_city": "tenant-1#Graz", "at": "b"}, {"by_city": "tenant-1#Linz", "at": "a"})
    put(cloud, {"by_city": "tenant-2#Graz", "at": "c"}, tenant_id="tenant-2")

    assert ids(by_city(), city="Graz") == [0]
    with pytest.raises(QueryError, match="source 'people' needs the filter 'city'"):
        ids(by_city(), city__gt="A")


def test_no_value_of_a_filter_makes_another_tenants_key(cloud: Any) -> None:
    put(cloud, {"by_city": "tenant-2#Graz", "at": "c"}, tenant_id="tenant-2")

    for city in ("Graz", "#Graz", "tenant-2#Graz", "../tenant-2#Graz"):
        assert ids(by_city(), city=city) == []


@pytest.mark.parametrize(
    ("partition", "why"),
    [
        ("{city}", "allowed is one whose first field is {tenant_id}"),
        ("{city}#{tenant_id}", "allowed is one whose first field is {tenant_id}"),
        ("people", "allowed is one whose first field is {tenant_id}"),
        ("", "no key of a table is empty"),
        ("{tenant_id}{city}", "allowed is text between two names"),
        ("{tenant_id}-{city}", "a character that no tenant's id has, such as '#'"),
        ("{tenant_id}:{city}", "a character that no tenant's id has"),
        ("{tenant_id}x{city}", "a character that no tenant's id has"),
        ("{tenant_id!r}", "allowed are text and names in braces"),
        ("{}", "allowed are text and names in braces"),
    ],
)
def test_a_partition_that_tenants_could_share_is_refused(partition: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        by_city(partition=partition)


def test_a_value_that_would_end_its_part_of_the_key_is_refused(cloud: Any) -> None:
    source = by_city(partition="T#{tenant_id}#{city}#{street}")
    put(cloud, {"by_city": "T#tenant-1#Graz#Ring", "at": "a"})

    assert ids(source, city="Graz", street="Ring") == [0]
    with pytest.raises(QueryError, match=r"filters.city: got 'G#z'; allowed is what has no '#'"):
        ids(source, city="G#z", street="Ring")


def test_rows_that_are_everybodys_say_so(cloud: Any) -> None:
    put(cloud, {"name": "Ann"}, tenant_id="shared")
    put(cloud, {"by_city": "Graz", "at": "a"}, tenant_id="tenant-2")

    assert ids(the_people(partition="shared", all_tenants=True)) == [0]
    assert ids(by_city(partition="{city}", all_tenants=True), city="Graz") == [0]


# -- what DynamoDB is asked ------------------------------------------------------------------


def test_filters_on_the_sort_key_are_part_of_the_keys_condition(cloud: Any) -> None:
    put(cloud, *({} for _ in range(6)))
    source = the_people()
    watched = Watched(source)

    assert ids(source, id=3) == [3]
    assert ids(source, id__gt=3) == [4, 5]
    assert ids(source, id__lte=1) == [0, 1]
    assert ids(source, id__gt=1, id__lte=4) == [2, 3, 4]
    assert ids(source, id__gte=4, id__lt=2) == ids(source, id__gt=2, id__lte=0.5) == []
    assert [each["KeyConditionExpression"] for each in watched.requests] == [
        "(#n0 = :v0 AND #n1 = :v1)",
        "(#n0 = :v0 AND #n1 > :v1)",
        "(#n0 = :v0 AND #n1 <= :v1)",
        "(#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2)",
    ]
    assert all("FilterExpression" not in each for each in watched.requests)
    assert ids(source, id__in=[2, 5], id__ne=5) == [2]


def test_other_filters_are_dynamodbs_work_and_no_value_is_in_the_text(cloud: Any) -> None:
    put(cloud, {"name": "Ann", "a": {"b": 1}}, {"name": "Bob"}, {"name": "Anna", "a": {"b": 2}})
    source = the_people()
    watched = Watched(source)
    hostile = 'x" OR attribute_exists(#n0) --'

    assert ids(source, **{"name__contains": "Ann", "a.b__gte": 2}) == [2]
    assert ids(source, name=hostile) == []
    assert ids(source, **{hostile.replace(" ", "_").replace("(", "").replace(")", ""): 1}) == []
    for request in watched.requests:
        text = request["KeyConditionExpression"] + request["FilterExpression"]
        assert not set(text) - set("#:() <=>,._ANDORTIabcdefghijklmnopqrstuvwxyz0123456789")
        assert "Ann" not in text
        assert "OR attribute_exists(#n0) --" not in text


def test_order_by_the_sort_key_is_the_tables_own_and_reading_ends_at_the_limit(cloud: Any) -> None:
    put(cloud, *({"n": n % 7} for n in range(40)))
    source = the_people()
    watched = Watched(source)

    assert ids(source, order_by="-id", limit=3) == [39, 38, 37]
    assert ids(source, order_by="id", limit=2) == [0, 1]
    assert ids(source, limit=2) == [0, 1]
    assert [(each["ScanIndexForward"], each["Limit"]) for each in watched.requests] == [
        (False, 3),
        (True, 2),
        (True, 2),
    ]


def test_any_other_order_needs_all_that_the_filters_leave(cloud: Any) -> None:
    put(cloud, *({"n": (n * 7) % 40} for n in range(40)))

    assert ids(the_people(), order_by="-n", limit=2, n__lt=39) == [34, 11]


def test_pages_are_read_until_the_limit_and_no_further(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis_process.queries.dynamodb_source.PAGE", 10)
    put(cloud, *({"even": n % 2 == 0} for n in range(60)))
    source = the_people()
    watched = Watched(source)

    assert ids(source, even=True, limit=12) == list(range(0, 24, 2))
    assert len(watched.requests) == 3
    assert len(ids(source, even=True)) == 30


def test_more_than_allowed_is_not_read_and_part_of_it_is_no_answer(cloud: Any) -> None:
    put(cloud, *({"n": n} for n in range(30)))
    source = the_people(most_read=20)
    watched = Watched(source)

    with pytest.raises(QueryError, match="source 'people' read 20 items and was not done"):
        ids(source, n=29)
    assert [each["Limit"] for each in watched.requests] == [20]
    assert ids(source, n=3, limit=1) == [3]
    assert ids(source, id__gte=15, n=29) == [29]


def test_only_the_fields_that_are_wanted_are_read(cloud: Any) -> None:
    put(cloud, {"name": "Ann", "age": 3, "secret": "s", "a": {"b": 1}})
    sources = Sources()
    sources.add("people", the_people(fields=["name", "id"]))

    assert sources.rows(a_query(), PROCESS) == [{"name": "Ann", "id": 0}]
    assert sources.rows(a_query(**{"a.b": 1}, order_by="age"), PROCESS) == [
        {"name": "Ann", "id": 0, "a": {"b": 1}, "age": 3}
    ]


def test_items_become_rows_of_json(cloud: Any) -> None:
    put(
        cloud,
        {
            "whole": Decimal("12"),
            "part": Decimal("0.1"),
            "names": {"b", "a"},
            "numbers": {Decimal(2), Decimal("1.5")},
            "photo": b"abc",
            "inside": {"list": [Decimal(1), None, True, {"n": Decimal("1E+3")}]},
        },
    )

    assert a_source_of(the_people()).rows(a_query(), PROCESS) == [
        {
            "tenant_id": "tenant-1",
            "id": 0,
            "whole": 12,
            "part": 0.1,
            "names": ["a", "b"],
            "numbers": [1.5, 2],
            "photo": "YWJj",
            "inside": {"list": [1, None, True, {"n": 1000}]},
        }
    ]


def a_source_of(source: DynamoDBSource) -> Sources:
    sources = Sources()
    sources.add("people", source)
    return sources


# -- the same answer, whoever filters --------------------------------------------------------

FIELDS = ["x", "y", "x.z"]
SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-2, 2, 3, 0.5, 2.0, -1.5]),  # moto takes 0 and 1 for false and true
    st.sampled_from(["", "a", "A", "ab", "2"]),
)
VALUES = st.one_of(
    SIMPLE,
    st.lists(SIMPLE, max_size=3),
    st.fixed_dictionaries({}, optional={"z": SIMPLE}),
)
ROWS = st.lists(st.fixed_dictionaries({}, optional={"x": VALUES, "y": SIMPLE}), max_size=6)
ORDERED = SIMPLE.filter(lambda each: each is not None and not isinstance(each, bool))
PART = SIMPLE.filter(lambda each: each is not None)
ASKED = st.one_of(
    st.tuples(st.sampled_from(["", "__ne"]), SIMPLE),
    st.tuples(st.sampled_from(["__gt", "__gte", "__lt", "__lte"]), ORDERED),
    st.tuples(st.sampled_from(["__in", "__not_in"]), st.lists(SIMPLE, max_size=3)),
    st.tuples(st.just("__contains"), PART),
    st.tuples(st.just("__icontains"), st.sampled_from(["a", "B", ""])),
    st.tuples(st.just("__isnull"), st.booleans()),
)
FILTERS = st.lists(st.tuples(st.sampled_from(FIELDS), ASKED), max_size=3).map(
    lambda found: {f"{field}{comparison}": value for field, (comparison, value) in found}
)


@pytest.fixture
def table(cloud: Any) -> Sources:
    """The table as a source, whose client takes longer to make than all that is asked of it."""
    return a_source_of(the_people())


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, filters=FILTERS, order_by=st.sampled_from([None, "y", "-y", "id", "-id"]))
def test_a_table_answers_as_a_list_of_the_same_rows_does(
    cloud: Any,
    table: Sources,
    rows: list[dict[str, Any]],
    filters: dict[str, Any],
    order_by: str | None,
) -> None:
    process = ProcessKey(f"tenant-{uuid4().hex}", "process-1")  # whose rows are these alone
    stored = [{"tenant_id": process.tenant_id, "id": n, **row} for n, row in enumerate(rows)]
    items = [{name: serialize(decimals(each)) for name, each in row.items()} for row in stored]
    if items:
        puts = [{"PutRequest": {"Item": item}} for item in items]
        cloud.batch_write_item(RequestItems={"people": puts})
    query = a_query(order_by=order_by, limit=3, **filters)

    of_list = outcome(a_source(stored), query, process)
    of_table = outcome(table, query, process)

    # A table that is read in order may be done before it comes to a row without sense.
    if isinstance(of_list, str) and isinstance(of_table, list):
        assert order_by in ("id", "-id")
    else:
        assert of_table == of_list


def outcome(sources: Sources, query: Query, process: ProcessKey) -> Any:
    try:
        return sources.rows(query, process)
    except QueryError as error:
        return error.code  # which of several rows it names depends on who comes first


def decimals(value: Any) -> Any:
    """A value as DynamoDB's own library wants it: without floats."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [decimals(each) for each in value]
    if isinstance(value, dict):
        return {name: decimals(each) for name, each in value.items()}
    return value


def test_what_dynamodb_cannot_say_is_filtered_afterwards(cloud: Any) -> None:
    put(cloud, {"n": 1, "name": "Ann"}, {"n": 2, "name": "ANNA"}, {"n": 3})
    source = the_people()
    watched = Watched(source)

    assert ids(source, name__icontains="ann") == [0, 1]
    assert ids(source, n__lt=10**60 + 1) == [0, 1, 2]
    assert ids(source, n__in=[*range(3, 200)]) == [2]
    assert all("FilterExpression" not in each for each in watched.requests)


def test_a_filter_expression_is_never_more_than_dynamodb_takes(cloud: Any) -> None:
    put(cloud, {"n": 1})
    source = the_people()
    watched = Watched(source)

    assert ids(source, **{f"field{n}__ne": n for n in range(400)}) == [0]
    assert ids(source, **{f"field{n}__not_in": [*range(100)] for n in range(10)}) == [0]
    many, long = (each["FilterExpression"] for each in watched.requests)
    assert many.count("NOT") == 16
    assert 3_000 < len(long) <= 4_096


# -- what DynamoDB says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status", "error", "says"),
    [
        ("ThrottlingException", 400, "throttled", "refused source 'people' for load"),
        ("ProvisionedThroughputExceededException", 400, "throttled", "for load"),
        ("InternalServerError", 500, "unavailable", "source 'people': InternalServerError"),
        ("ValidationException", 400, "query_error", "refuses source 'people': of arn"),
        ("AccessDeniedException", 400, "query_error", "'people': AccessDeniedException"),
        ("ResourceNotFoundException", 400, "query_error", "ResourceNotFoundException"),
    ],
)
def test_a_refusal_is_tried_again_where_that_may_help(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int, error: str, says: str
) -> None:
    source = the_people()
    told = {
        "Error": {"Code": code, "Message": "of arn"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }

    def refuse(**_: Any) -> None:
        raise ClientError(told, "Query")  # type: ignore[arg-type]

    monkeypatch.setattr(source._connected(), "query", refuse)
    with pytest.raises(Failed, match=says) as failed:
        ids(source)
    assert failed.value.code == error
    assert isinstance(failed.value, QueryError) == (error == "query_error")
    assert ("arn" in str(failed.value)) == (code == "ValidationException")


def test_a_dynamodb_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = the_people()

    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://secret.example")

    monkeypatch.setattr(source._connected(), "query", fail)
    with pytest.raises(Failed, match=r"does not answer \(EndpointConnectionError\)") as failed:
        ids(source)
    assert failed.value.code == "unavailable"


def test_reads_are_eventually_consistent_unless_said(cloud: Any) -> None:
    for consistent in (False, True):
        source = the_people(consistent=consistent)
        watched = Watched(source)
        assert ids(source) == []
        assert [each["ConsistentRead"] for each in watched.requests] == [consistent]


@pytest.mark.parametrize("value", [None, 10**60 + 1])
def test_a_value_that_no_key_has_is_refused_or_finds_nothing(cloud: Any, value: Any) -> None:
    put(cloud, {})

    if value is None:
        assert ids(the_people(), id=value) == []
    else:
        with pytest.raises(QueryError, match="allowed is text or a number of a key"):
            ids(the_people(), id=value)


def test_a_source_belongs_to_one_process_at_a_time(cloud: Any) -> None:
    put(cloud, {}, tenant_id="tenant-2")

    other = ProcessKey("tenant-2", "process-1")
    assert [row["id"] for row in a_source_of(the_people()).rows(a_query(), other)] == [0]
