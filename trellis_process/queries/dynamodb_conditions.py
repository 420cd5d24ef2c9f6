"""What of a query DynamoDB can do itself, as its expressions say it; every value by a placeholder.

Its filters never judge: where a field holds another kind of value than a filter asks for, the item
passes, so that Trellis finds it and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import DecimalException
from functools import reduce
from operator import and_, or_
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, ConditionExpressionBuilder, Key
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from trellis_process.domain.definition.filters import EQUALS, ORDERED
from trellis_process.domain.limits import JsonValue
from trellis_process.queries.query import Filter, Query, QueryError
from trellis_process.queries.values import Kind, comparable

MAX_EXPRESSION_BYTES = 4_096
MAX_CONDITIONS = 16  # DynamoDB takes 300 operators, and one condition has up to 15
MAX_IN = 100  # values that IN takes

_TYPES = {Kind.TEXT: "S", Kind.NUMBER: "N", Kind.BOOL: "BOOL"}
_CONTAINERS = ("L", "SS", "NS")
_serialize = TypeSerializer().serialize
deserialize = TypeDeserializer().deserialize


class Nothing(Exception):
    """No item can be meant, so none need be read."""


def key_condition(
    partition_key: str, value: JsonValue, sort_key: str | None, query: Query
) -> ConditionBase:
    """The partition, and as much of it as the filters on the sort key leave.

    Raises Nothing, and QueryError for a value that no key can have.
    """
    condition = Key(partition_key).eq(_key(partition_key, value))
    if sort_key is None:
        return condition
    asked = {each.comparison: each.value for each in query.filters if each.field == sort_key}
    if asked.get(EQUALS) is not None:
        return condition & Key(sort_key).eq(_key(sort_key, asked[EQUALS]))
    least = next((each for each in ("gt", "gte") if each in asked), None)
    most = next((each for each in ("lt", "lte") if each in asked), None)
    if least and most:
        low, high = _key(sort_key, asked[least]), _key(sort_key, asked[most])
        if isinstance(low, str) is isinstance(high, str) and low > high:
            raise Nothing  # DynamoDB would refuse it
        return condition & Key(sort_key).between(low, high)
    one = least or most
    if one is None:
        return condition
    compare: Callable[[Any], ConditionBase] = getattr(Key(sort_key), one)
    return condition & compare(_key(sort_key, asked[one]))


def filter_conditions(filters: Iterable[Filter]) -> list[ConditionBase]:
    """What DynamoDB can leave out by these filters; the rest is for others to do."""
    return [made for each in filters if (made := _condition(each)) is not None]


def expressions(
    key: ConditionBase, conditions: list[ConditionBase], fields: Iterable[str]
) -> dict[str, Any]:
    """The expressions of a request, with their placeholders."""
    builder = ConditionExpressionBuilder()
    of_key = builder.build_expression(key, is_key_condition=True)
    asked = {"KeyConditionExpression": of_key.condition_expression}
    names = dict(of_key.attribute_name_placeholders)
    values = dict(of_key.attribute_value_placeholders)
    # What would be too much is left to whoever filters again.
    conditions = conditions[:MAX_CONDITIONS]
    while conditions:
        built = builder.build_expression(reduce(and_, conditions))
        if len(built.condition_expression) <= MAX_EXPRESSION_BYTES:
            asked["FilterExpression"] = built.condition_expression
            names |= built.attribute_name_placeholders
            values |= built.attribute_value_placeholders
            break
        conditions = conditions[:-1]
    projected = {f"#f{place}": field for place, field in enumerate(fields)}
    if projected:
        asked["ProjectionExpression"] = ", ".join(projected)
    return {
        **asked,
        "ExpressionAttributeNames": {**names, **projected},
        "ExpressionAttributeValues": {name: _serialize(value) for name, value in values.items()},
    }


def _key(field: str, value: JsonValue) -> Any:
    kind, found = comparable(value)
    if kind not in (Kind.TEXT, Kind.NUMBER) or not _is_expressible(found):
        raise QueryError(f"filters on {field!r}: got {kind}; allowed is text or a number of a key")
    return found


def _condition(asked: Filter) -> ConditionBase | None:
    field = Attr(asked.field)
    if asked.comparison == "isnull":
        return _null(field) if asked.value else ~_null(field)
    if asked.comparison == "icontains":
        return None
    if asked.comparison in (EQUALS, "ne", "in", "not_in"):
        wanted = asked.value if asked.comparison in ("in", "not_in") else [asked.value]
        return _one_of(field, wanted, asked.comparison in (EQUALS, "in"))
    kind, value = comparable(asked.value)
    if not _is_expressible(value):
        return None
    if asked.comparison in ORDERED:
        compare: Callable[[Any], ConditionBase] = getattr(field, asked.comparison)
        return _of_other_type_or(field, [_TYPES[kind]], compare(value))
    if kind is Kind.TEXT:
        return _of_other_type_or(field, ["S", *_CONTAINERS], field.contains(value))
    if kind is Kind.NUMBER:
        return _of_other_type_or(field, _CONTAINERS, field.contains(value))
    return None


def _one_of(field: Attr, wanted: list[JsonValue], outcome: bool) -> ConditionBase | None:
    pairs = [comparable(each) for each in wanted]
    values = [value for kind, value in pairs if kind is not Kind.NULL]
    has_null = len(values) < len(pairs)
    if not pairs or len(values) > MAX_IN or not all(map(_is_expressible, values)):
        return None
    null = [_null(field)] if has_null else []
    if not values:
        return null[0] if outcome else ~null[0]
    among = field.eq(values[0]) if len(values) == 1 else field.is_in(values)
    if not outcome:
        return ~reduce(or_, [among, *null])
    types = {_TYPES[kind] for kind, _ in pairs if kind is not Kind.NULL}
    return reduce(or_, [_of_other_type_or(field, sorted(types), among), *null])


def _null(field: Attr) -> ConditionBase:
    return field.not_exists() | field.attribute_type("NULL")


def _of_other_type_or(field: Attr, types: Iterable[str], holds: ConditionBase) -> ConditionBase:
    """That a field holds something, and what it holds meets the condition or has no such type."""
    is_of_type = reduce(or_, [field.attribute_type(each) for each in types])
    return ~_null(field) & (~is_of_type | holds)


def _is_expressible(value: JsonValue) -> bool:
    """Whether DynamoDB has such a value; its numbers have 38 digits."""
    try:
        _serialize(value)
    except DecimalException:
        return False
    return True
