"""Event patterns: which events each describes, and what is wrong with those that are unsound."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis_process.domain.event_pattern import (
    MAX_COMBINATIONS,
    MAX_PATTERN_CHARACTERS,
    check_pattern,
    matches,
)
from trellis_process.domain.limits import MAX_JSON_DEPTH
from trellis_process.errors import shown

IGNORE_CASE = "equals-ignore-case"
ORDER = {
    "source": "shop",
    "detail-type": "Order placed",
    "resources": ["order/1", "customer/7"],
    "detail": {
        "state": "open",
        "total": 120,
        "items": [{"name": "pen", "count": 2}, {"name": "ink", "count": 1, "gift": True}],
    },
}

#: Matchers of one field, with values that meet them, and values that do not.
VALUES = [
    (["open"], ["open", ["shut", "open"], [[["open"]]], [{}, "open"]], ["Open", "", None, [], {}]),
    (["a", "b"], ["a", "b", ["b", "c"]], ["ab", ["c"], {"a": "b"}]),
    ([""], [""], [None, " ", []]),
    ([300], [300, 300.0, 3.0e2], ["300", 301, True, float("nan")]),
    ([2**63], [2**63], [2**63 + 1, 2**63 - 1]),
    ([1, 0], [1, 0, -0.0], [True, False]),
    ([True], [True], [1, "true", False]),
    ([False], [False], [0, "", None]),
    ([None], [None, [None]], ["null", "", [], {}, 0]),
    ([{"prefix": "or"}], ["or", "order", ["x", "or"]], ["Order", "xor", 0, None, {"or": "or"}]),
    ([{"prefix": ""}], ["", "x"], [0, None, []]),
    ([{"prefix": {IGNORE_CASE: "oR"}}], ["Order", "OR"], ["xor", 0]),
    ([{"suffix": ".png"}], [".png", "a.png"], [".PNG", "png", 0]),
    ([{"suffix": {IGNORE_CASE: ".png"}}], ["a.PNG"], ["a.PNG ", 0]),
    ([{IGNORE_CASE: "straße"}], ["Straße", "STRASSE"], ["Strase", 0, None]),
    ([{"wildcard": "a*c"}], ["ac", "abc", "a\nc", "acc"], ["a", "c", "abcd", "Ac", 0]),
    ([{"wildcard": "*a*b*"}], ["ab", "xaxbx"], ["ba", "a", ""]),
    ([{"wildcard": "ab*ba"}], ["abba", "abxba"], ["aba"]),
    ([{"wildcard": "*"}], ["", "x", "*"], [0, None]),
    ([{"wildcard": ""}], [""], ["x"]),
    ([{"wildcard": r"1\*\\*"}], ["1*\\", "1*\\x"], ["1x\\", r"1\*\\"]),
    ([{"anything-but": "a"}], ["b", "", 1, True, None, ["a", "b"]], ["a", ["a", "a"], [], {}]),
    ([{"anything-but": ["a", "b"]}], ["c", ["a", "c"]], ["a", "b", ["a", "b"]]),
    ([{"anything-but": 1}], [2, "1", True, None, float("nan")], [1, 1.0]),
    ([{"anything-but": [1, 2]}], [3, "a"], [1, 2.0]),
    ([{"anything-but": {"prefix": "a"}}], ["ba", 1], ["a", "ab"]),
    ([{"anything-but": {"suffix": ["a", "b"]}}], ["ac", None], ["ca", "cb"]),
    ([{"anything-but": {IGNORE_CASE: "a"}}], ["b"], ["a", "A"]),
    ([{"anything-but": {"wildcard": ["*/a/*", "b*"]}}], ["a"], ["/a/", "b"]),
    ([{"numeric": ["=", 5]}], [5, 5.0, [1, 5]], ["5", 5.1, True]),
    ([{"numeric": ["<", 5]}], [4.9, -(10**300)], [5, True, None, float("-inf"), -(10**400)]),
    ([{"numeric": ["<=", 5]}], [5], [5.1, float("nan")]),
    ([{"numeric": [">", 5]}], [5.1], [5, float("inf"), 10**5000]),
    ([{"numeric": [">", 0, "<=", 5]}], [0.1, 5, [9, 3]], [0, 5.1, [-1, 9]]),
    ([{"numeric": [">=", 0, "<", 5]}], [0, 4], [5, -1]),
    ([{"cidr": "10.0.0.0/24"}], ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "x", "::1", 167772160]),
    ([{"cidr": "10.0.0.9/24"}], ["10.0.0.1"], ["10.0.0.1/32", ""]),
    ([{"cidr": "2001:db8::/32"}], ["2001:db8::1", "2001:DB8:0::"], ["2001:db9::", "10.0.0.1"]),
    ([{"exists": True}], ["", None, 0, [0], [{}, 0], [[0]]], [[], {}, {"a": 1}, [{"a": 1}], [[]]]),
    ([{"exists": False}], [[], {}, {"a": 1}, [{"a": 1}], [[]]], ["", None, 0, [0], [{}, 0]]),
    ([{"exists": False}, "a"], [[], "a"], ["b"]),
    (["a", {"prefix": "b"}, {"numeric": [">", 1]}], ["a", "bc", 2], ["ab", 1]),
]

#: Patterns of whole events, with some that they describe, and some that they do not.
EVENTS = [
    ({"source": ["shop"]}, [ORDER], [{}, {"Source": "shop"}, [], [ORDER], None, "shop"]),
    ({"source": ["shop"], "detail-type": ["Order paid"]}, [], [ORDER]),
    ({"resources": [{"prefix": "customer/"}]}, [ORDER], [{"resources": {"prefix": "customer/"}}]),
    ({"detail": {"state": ["open"], "total": [{"numeric": [">", 100]}]}}, [ORDER], [{"detail": 1}]),
    ({"detail": {"items": {"name": ["pen"], "count": [2]}}}, [ORDER], []),
    ({"detail": {"items": {"name": ["pen"], "count": [1]}}}, [], [ORDER]),
    ({"detail.state": ["open"]}, [{"detail.state": "open"}], [ORDER]),
    ({"detail": {"items": {"name": ["pen"], "gift": [{"exists": False}]}}}, [ORDER], []),
    ({"detail": {"items": {"name": ["ink"], "gift": [{"exists": False}]}}}, [], [ORDER]),
    ({"detail": {"items": {"gift": [{"exists": False}]}}}, [{"detail": {"items": [{}]}}], [ORDER]),
    (
        {"a": {"b": {"c": [{"exists": False}]}}},
        [{}, {"a": 1}, {"a": {"b": []}}, {"a": [{"b": 1}, {}]}, {"a": {"c": 1}}],
        [{"a": {"b": {"c": 1}}}, {"a": [{"b": [{}, [{"c": None}]]}, {}]}],
    ),
    (
        {"a": {"b": [1]}, "c": [{"exists": False}]},
        [{"a": [0, {"b": 1}]}],
        [{"a": {"b": 1}, "c": 0}],
    ),
    (
        {"a": {"b": [1], "c": {"d": [2], "e": [3]}}},
        [{"a": [[{"b": 1}], [{"b": 1, "c": [{"d": 2}, {"d": 2, "e": 3}]}]]}],
        [{"a": [{"b": 1, "c": [{"d": 2}, {"e": 3}]}]}, {"a": [{"b": 1}, {"c": {"d": 2, "e": 3}}]}],
    ),
    (
        {"a": [1], "$or": [{"b": [2]}, {"c": [3], "d": [4]}]},
        [{"a": 1, "b": 2}, {"a": 1, "c": 3, "d": 4}],
        [{"b": 2}, {"a": 1}, {"a": 1, "c": 3}, {"a": 1, "$or": [{"b": 2}]}],
    ),
    (
        {"a": {"$or": [{"b": [1]}, {"$or": [{"c": [2]}, {"d": [3]}]}], "e": [4]}},
        [{"a": {"b": 1, "e": 4}}, {"a": [{"b": 1}, {"d": 3, "e": 4}]}],
        [{"a": {"e": 4}}, {"a": [{"b": 1}, {"e": 4}]}],
    ),
    (
        {"a": {"b": [1]}, "$or": [{"a": {"c": [2]}}, {"d": [3]}]},
        [{"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}, {"c": 2}], "d": 3}],
        [{"a": [{"b": 1}, {"c": 2}]}],
    ),
    (
        {"a": {"$or": [{"b": [{"exists": False}]}, {"c": [{"exists": False}]}]}},
        [{}, {"a": [{"b": 1}, {}]}],
        [{"a": [{"b": 1}, {"c": 1}]}],
    ),
]


def described(cases):
    return [
        (pattern, event, is_described)
        for pattern, *events in cases
        for is_described, some in zip((True, False), events, strict=True)
        for event in some
    ]


@pytest.mark.parametrize(("matchers", "value", "is_met"), described(VALUES), ids=shown)
def test_a_field_is_met_by_what_its_matchers_say(matchers, value, is_met):
    assert list(check_pattern({"a": matchers})) == []
    assert matches({"a": matchers}, {"a": value, "b": 1}) is is_met


@pytest.mark.parametrize(("pattern", "event", "is_described"), described(EVENTS), ids=shown)
def test_an_event_is_described_if_it_meets_all_that_is_asked(pattern, event, is_described):
    assert list(check_pattern(pattern)) == []
    assert matches(pattern, event) is is_described


@pytest.mark.parametrize("matchers", [matchers for matchers, _, _ in VALUES], ids=shown)
def test_a_field_that_is_not_there_meets_only_what_may_be_absent(matchers):
    assert matches({"a": matchers}, {"b": "a"}) is ({"exists": False} in matchers)


# -- Hostile events ------------------------------------------------------------------------------


def nested(value: object, levels: int, around) -> object:
    for _ in range(levels):
        value = around(value)
    return value


def test_an_event_may_be_nested_deeper_than_python_calls():
    lists = nested(1, 100_000, lambda value: [value])
    objects = nested(1, 100_000, lambda value: {"a": value})
    assert matches({"a": [1]}, {"a": lists})
    assert not matches({"a": {"a": [1]}}, objects)


@pytest.mark.parametrize("odd", [Decimal(1), b"a", (1, "a"), {"a"}, 1j], ids=shown)
def test_what_is_no_json_is_there_and_is_equal_to_nothing(odd):
    assert matches({"a": [{"exists": True}], "b": [{"exists": False}]}, {"a": odd, 5: odd})
    assert matches({"a": [{"anything-but": ["a", "b"]}]}, {"a": odd})
    others = [1, "a", {"prefix": ""}, {"wildcard": "*"}, {"numeric": [">", 0]}, {"cidr": "::/0"}]
    assert not matches({"a": others}, {"a": odd})


def test_many_wildcards_take_no_longer_over_a_long_text():
    assert not matches({"a": [{"wildcard": "*a" * 1_000 + "b"}]}, {"a": "a" * 250_000})


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**309, 10**400)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["open", "a", "10.0.0.1", "::1%x", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e", "$or"]), inner, max_size=4)
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(event=anything)
def test_no_event_raises_anything(event):
    for matchers, _, _ in VALUES:
        for pattern in ({"a": matchers}, {"a": {"b": matchers, "c": [{"exists": False}]}}):
            for each in (event, {"a": event}, {"a": {"b": event}}):
                assert matches(pattern, each) in (True, False)
    for pattern, _, _ in EVENTS:
        assert matches(pattern, event) in (True, False)


# -- Unsound patterns ----------------------------------------------------------------------------


def found(pattern: object) -> list[tuple[object, ...]]:
    return [path for path, _ in check_pattern(pattern)]


def test_everything_that_is_wrong_is_told_at_once_with_where_it_stands():
    pattern = {
        "source": "shop",
        "detail": {"state": [{"prefx": "a"}, "b", {"numeric": ["<", 5, ">", True]}], "total": []},
        "$or": [{"a": [{"suffix": 5}]}, {}],
    }
    listed = "allowed is a list of one or more values and matchers, or an object of fields"
    assert list(check_pattern(pattern)) == [
        (("source",), f"got 'shop'; {listed}"),
        (
            ("detail", "state", 0, "prefx"),
            "got the matcher 'prefx'; allowed are prefix, suffix, equals-ignore-case, wildcard, "
            "anything-but, numeric, cidr, exists; did you mean 'prefix'?",
        ),
        (("detail", "state", 2, "numeric", 0), "got '<'; allowed is one of > >="),
        (("detail", "state", 2, "numeric", 2), "got '>'; allowed is one of < <="),
        (("detail", "state", 2, "numeric", 3), "got True; allowed is a finite number"),
        (("detail", "total"), f"got []; {listed}"),
        (("$or", 0, "a", 0, "suffix"), "got 5; allowed is text"),
        (("$or", 1), "got {}; allowed is an object of one or more fields"),
    ]


#: Of each matcher, arguments that it does not take, and where below it that is said.
ARGUMENTS = {
    "prefix": [(5, ()), ({}, ()), ({"suffix": "a"}, ("suffix",)), (["a"], ())],
    "suffix": [(None, ()), ({IGNORE_CASE: ["a"]}, (IGNORE_CASE,))],
    IGNORE_CASE: [(5, ()), (["a"], ())],
    "wildcard": [(5, ()), ("a**", ()), ("\\", ()), ("\\n", ()), (["a"], ())],
    "cidr": [(each, ()) for each in (5, "10.0.0.1", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "x/8")],
    "exists": [(1, ()), ("true", ()), (None, ())],
    "numeric": [(5, ()), ([], ()), ([">", 1, "<"], ()), ([">", 5, "<", 5], ())]
    + [(["!=", 1], (0,)), ([["="], 1], (0,)), (["=", 1, "<", 2], (0,)), (["=", "1"], (1,))]
    + [(["=", number], (1,)) for number in (True, None, float("inf"), float("nan"), 10**400)],
    "anything-but": [(each, ()) for each in (True, None, [], {}, ["a", 1], [1, True], [["a"]])]
    + [({"prefix": "a", "suffix": "b"}, ()), ({"numeric": ["=", 1]}, ("numeric",))]
    + [({"prefix": ""}, ("prefix",)), ({"suffix": ["a", ""]}, ("suffix", 1))]
    + [({IGNORE_CASE: []}, (IGNORE_CASE,)), ({"wildcard": ["a", "**"]}, ("wildcard", 1))],
}


@pytest.mark.parametrize(
    ("name", "argument", "at"),
    [(name, *case) for name, cases in ARGUMENTS.items() for case in cases],
    ids=shown,
)
def test_an_argument_that_a_matcher_does_not_take_is_named(name, argument, at):
    assert found({"a": ["b", {name: argument}]}) == [("a", 1, name, *at)]


@pytest.mark.parametrize(
    ("pattern", "at"),
    [
        (None, [()]),
        ([{"a": [1]}], [()]),
        ({}, [()]),
        ({"a": {"b": {}}}, [("a", "b")]),
        ({5: [1]}, [()]),
        ({"a": [[1], {}, float("nan"), 10**5000]}, [("a", 0), ("a", 1), ("a", 2), ("a", 3)]),
        ({"a": [{"prefix": "b", "suffix": "c"}]}, [("a", 0)]),
        ({"a": [{5: "b"}]}, [("a", 0)]),
        ({"$or": {"a": [1]}}, [("$or",)]),
        ({"$or": [{"a": [1]}]}, [("$or",)]),
        ({"a": {"$or": [{"b": [1]}, "c"]}}, [("a", "$or", 1)]),
        ({"$or": [{"a": [1]}, {"numeric": [">", 0]}]}, [("$or", 1, "numeric")]),
        ({"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}, [("$or", 0, "a")]),
        ({"a": {"b": [1]}, "$or": [{"c": [1]}, {"a": [2]}]}, [("$or", 1, "a")]),
        ({"a": [1], "$or": [{"c": [1]}, {"a": {"b": [2]}}]}, [("$or", 1, "a")]),
        ({"a": ["b" * MAX_PATTERN_CHARACTERS]}, [()]),
        (nested([1], MAX_JSON_DEPTH, lambda value: {"a": value}), [("a",) * MAX_JSON_DEPTH]),
    ],
    ids=shown,
)
def test_a_pattern_that_is_not_sound_is_refused_where_it_is_not(pattern, at):
    assert found(pattern) == at


def test_patterns_are_taken_up_to_each_of_their_limits():
    assert found({"a": ["b" * (MAX_PATTERN_CHARACTERS - len('{"a":[""]}'))]}) == []
    assert found(nested([1], MAX_JSON_DEPTH - 1, lambda value: {"a": value})) == []
    either = {"$or": [{"b": [1]}, {"c": [2]}]}
    assert found({str(place): either for place in range(9)}) == []
    assert 2**9 < MAX_COMBINATIONS < 2**10
    assert found({str(place): either for place in range(10)}) == [()]
