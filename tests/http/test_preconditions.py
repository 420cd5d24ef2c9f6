"""Entity tags, If-Match and If-None-Match."""

from __future__ import annotations

import pytest

from .client import Client


@pytest.mark.parametrize("if_match", ['"1"', '"7", "1"', '"1",', ', "1" ,"x"', 'W/"3", "1"', "*"])
def test_a_change_is_made_on_a_version_that_if_match_names(client: Client, if_match: str) -> None:
    process = client.start()

    started = client.post(f"{process}/steps/pay/start", headers={"If-Match": if_match})

    assert (started.status, started.headers["ETag"]) == (200, '"2"')


@pytest.mark.parametrize(
    "if_match", ['"2"', '"2", "3"', 'W/"1"', '"01"', '"0"', '"-1"', '"one"', '""', '"é"']
)
@pytest.mark.parametrize("command", ["cancel", "steps/pay/start", "steps/pay/complete"])
def test_on_another_version_nothing_is_changed_and_the_process_is_shown(
    client: Client, command: str, if_match: str
) -> None:
    process = client.start()

    refused = client.post(f"{process}/{command}", headers={"If-Match": if_match})

    assert (refused.status, refused.code) == (412, "version_mismatch")
    assert refused.headers["ETag"] == '"1"'
    assert refused.json["process"] == client.get(process).json
    assert refused.json["process"]["version"] == 1


@pytest.mark.parametrize(
    "if_match", ["", "1", '"1, 2"', '"1', '1"', '"1" "2"', "w/1", "**", '*, "1"', ","]
)
def test_what_is_no_entity_tag_is_malformed(client: Client, if_match: str) -> None:
    refused = client.post(f"{client.start()}/cancel", headers={"If-Match": if_match})

    assert (refused.status, refused.code) == (400, "malformed_request")


def test_a_repeat_is_answered_as_done_whatever_the_version(client: Client) -> None:
    process = client.start()
    headers = {"If-Match": '"1"'}
    first = client.post(f"{process}/steps/pay/complete", headers=headers)

    again = client.post(f"{process}/steps/pay/complete", headers=headers)

    assert (again.status, again.json) == (200, first.json)


def test_a_conflict_is_told_before_a_precondition(client: Client) -> None:
    process = client.start()
    client.post(f"{process}/cancel")

    refused = client.post(f"{process}/steps/pay/complete", headers={"If-Match": '"1"'})

    assert (refused.status, refused.code) == (409, "process_finished")


@pytest.mark.parametrize("if_none_match", ['"1"', 'W/"1"', '"0", "1"', "*"])
def test_what_the_caller_has_is_not_sent_again(client: Client, if_none_match: str) -> None:
    unchanged = client.get(client.start(), headers={"If-None-Match": if_none_match})

    assert (unchanged.status, unchanged.text) == (304, "")
    assert unchanged.headers == {"ETag": '"1"'}


def test_a_process_that_changed_is_sent(client: Client) -> None:
    assert client.get(client.start(), headers={"If-None-Match": '"2", "x"'}).status == 200


def test_a_very_long_list_of_entity_tags_is_read_at_once(client: Client) -> None:
    process = client.start()
    tags = ", ".join(f'"{n}"' for n in range(2, 2000))

    assert client.post(f"{process}/cancel", headers={"If-Match": tags}).status == 412
    assert client.post(f"{process}/cancel", headers={"If-Match": tags + " " * 9000}).status == 412
    assert client.post(f"{process}/cancel", headers={"If-Match": tags + '"'}).status == 400
