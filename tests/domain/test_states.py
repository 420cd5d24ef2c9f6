"""The states, and the tables of the moves between them."""

from __future__ import annotations

import pytest

from trellis_process import ProcessState, StepState
from trellis_process.domain.states import PROCESS_MOVES, STEP_MOVES


@pytest.mark.parametrize(
    ("table", "states"), [(PROCESS_MOVES, ProcessState), (STEP_MOVES, StepState)]
)
def test_the_table_of_moves_says_something_of_every_state(table, states):
    assert set(table) == set(states)
    assert {state for targets in table.values() for state in targets} <= set(states)


def test_final_is_final_but_for_what_is_retried_and_a_part_that_is_undone_with_its_whole():
    onwards = {state: PROCESS_MOVES[state] for state in ProcessState if state.is_final}

    again = {ProcessState.IN_PROGRESS, ProcessState.COMPENSATING}
    assert onwards == dict.fromkeys(
        (ProcessState.COMPLETED, ProcessState.FAILED, ProcessState.CANCELLED), again
    )


def test_a_final_step_moves_only_when_its_process_is_reopened():
    onwards = {state: STEP_MOVES[state] for state in StepState if state.is_final}

    assert onwards == {
        StepState.COMPLETED: {StepState.WAITING},
        StepState.FAILED: {StepState.IN_PROGRESS, StepState.WAITING, StepState.SKIPPED},
        StepState.SKIPPED: set(),
        StepState.CANCELLED: {StepState.PENDING, StepState.WAITING},
    }


def test_every_state_can_be_reached():
    for table, first in ((PROCESS_MOVES, ProcessState.PENDING), (STEP_MOVES, StepState.PENDING)):
        reached = {first}
        while more := {t for state in reached for t in table[state]} - reached:
            reached |= more
        assert reached == set(table)


def test_every_open_state_leads_to_an_end():
    for table in (PROCESS_MOVES, STEP_MOVES):
        for state, targets in table.items():
            assert state.is_final or any(target.is_final for target in targets)


def test_completed_and_skipped_steps_are_done():
    assert {s for s in StepState if s.is_done} == {StepState.COMPLETED, StepState.SKIPPED}


def test_states_are_the_words_that_stand_in_json():
    assert f"{ProcessState.IN_PROGRESS}" == "in_progress"
    assert StepState("waiting") is StepState.WAITING
