"""What is wrong with a query is found when its definition is registered, as far as it shows."""

from __future__ import annotations

import pytest

from trellis_process.definitions.reading import examine_yaml


def found(query: str) -> list[tuple[str, str, str]]:
    """Path, code and message of what is found in a query, without that of its step."""
    text = (
        "process: p\nversion: 1\ntimeout: 1d\ninputs: {age: number, ages: array}\n"
        f"steps:\n  - {{name: a, timeout: 30s, query: {{source: s, {query}}}}}"
    )
    return [
        (each.path.removeprefix("steps[0].query."), each.code, each.message)
        for each in examine_yaml(text).findings
    ]


@pytest.mark.parametrize(
    "query",
    [
        "filters: {age: input.age, age__gt: 3, age__lte: input.age, name__icontains: \"'a'\"}",
        "filters: {age__in: input.ages, age__not_in: [1, input.age, null], gone: null}",
        "filters: {customer.name__isnull: false, tags__contains: 7, größe__ne: true}",
        "order_by: -customer.name",
        "order_by: name, limit: 1000",
    ],
)
def test_a_query_as_allowed_has_nothing_against_it(query: str) -> None:
    assert found(query) == []


@pytest.mark.parametrize(
    ("query", "path", "code", "message"),
    [
        (
            "filters: {age__gtt: 1}",
            "filters.age__gtt",
            "comparison",
            "fields are not compared by 'gtt'; allowed are gt, gte, lt, lte, ne, in, not_in, "
            "contains, icontains, isnull; did you mean 'gt'?",
        ),
        ("filters: {__gt: 1}", "filters.__gt", "comparison", "fields are not compared by 'gt'"),
        ("filters: {'a b': 1}", "filters.a b", "bad_name", "got 'a b'; allowed is the name of a"),
        ("filters: {'a.': 1}", "filters.a.", "bad_name", "customer.name is the name inside of"),
        ("filters: {age__gt: null}", "filters.age__gt", "comparison", "allowed is text or a num"),
        ("filters: {age__lt: true}", "filters.age__lt", "comparison", "got True; allowed is text"),
        ("filters: {age: [1]}", "filters.age", "comparison", "got [1]; allowed is text, a numb"),
        ("filters: {age__in: 3}", "filters.age__in", "comparison", "got 3; allowed is a list of"),
        ("filters: {a__not_in: [[1]]}", "filters.a__not_in", "comparison", "allowed is a list of"),
        ("filters: {a__contains: {b: 1}}", "filters.a__contains", "comparison", "true or false"),
        ("filters: {a__icontains: 1}", "filters.a__icontains", "comparison", "allowed is text"),
        ("filters: {a__isnull: 1}", "filters.a__isnull", "comparison", "allowed is true or false"),
        ("order_by: '-'", "order_by", "bad_name", "got ''; allowed is the name of a field"),
        ("order_by: due desc", "order_by", "bad_name", "got 'due desc'; allowed is the name"),
        ("limit: 1001", "limit", "range", "allowed is a whole number from 1 to 1000"),
    ],
)
def test_what_shows_to_be_wrong_is_told_at_its_place(
    query: str, path: str, code: str, message: str
) -> None:
    ((at, its_code, text),) = found(query)
    assert (at, its_code) == (path, code)
    assert message in text
