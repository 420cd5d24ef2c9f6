"""What a filter's name and value may be, before any row is looked at."""

import pytest

from trellis_process.domain.definition.filters import (
    COMPARISONS,
    MAX_FIELD_CHARACTERS,
    check_compared,
    check_field,
    check_written,
    split_filter,
    split_order,
)
from trellis_process.errors import InvalidInput


def refused(call, *given):
    with pytest.raises(InvalidInput) as refusal:
        call(*given)
    return refusal.value


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_what_follows_the_last_two_underscores_is_the_comparison(comparison):
    assert split_filter(f"due__{comparison}") == ("due", comparison)
    assert split_filter(f"legacy__due__{comparison}") == ("legacy__due", comparison)


def test_a_bare_name_is_compared_for_being_equal():
    assert split_filter("customer.name") == ("customer.name", "equals")
    assert split_filter("due_at") == ("due_at", "equals")


@pytest.mark.parametrize(
    ("name", "comparison"), [("due__before", "before"), ("__gt", "gt"), ("due__equals", "equals")]
)
def test_what_is_no_comparison_is_refused_by_that_name(name, comparison):
    refusal = refused(split_filter, name)
    assert (refusal.field, refusal.given) == ("comparison", repr(comparison))


def test_a_field_has_so_many_characters_and_no_more():
    longest = "f" * MAX_FIELD_CHARACTERS
    assert check_field(longest) == longest
    assert split_order(f"-{longest}") == (longest, True)
    assert refused(check_field, longest + "f").field == "field"


@pytest.mark.parametrize("field", ["", "a b", "a..b", ".a", "a.", "a[0]", "a\n"])
def test_what_is_no_name_of_a_field_is_refused(field):
    assert refused(check_field, field).field == "field"


@pytest.mark.parametrize(
    ("comparison", "value"),
    [("equals", []), ("gt", None), ("gt", True), ("in", "a"), ("in", [["a"]]), ("isnull", "true")],
)
def test_a_value_that_a_comparison_does_not_take_is_refused_as_the_value(comparison, value):
    assert refused(check_compared, comparison, value).field == "value"


def test_a_written_value_is_refused_only_where_no_expression_can_mend_it():
    check_written("gt", "input.due")
    check_written("isnull", "input.is_open")
    check_written("in", ["input.first", 2, None])
    assert refused(check_written, "in", ["input.first", ["b"]]).field == "value"
    assert refused(check_written, "equals", ["input.first"]).field == "value"
    assert refused(check_written, "isnull", 1).field == "value"
