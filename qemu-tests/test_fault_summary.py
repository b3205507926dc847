# SPDX-License-Identifier: GPL-2.0-or-later
# The count of faults and of the harm that they have done.

import pytest

_TESTS = """
import pytest
from harm import Lost, OutsideTarget, WrongBytes, require

@pytest.mark.fault("cut")
@pytest.mark.parametrize("harm", [None, Lost, WrongBytes, WrongBytes])
def test_cut(harm):
    require(harm is None, harm, "something is wrong")

@pytest.fixture
def machine():
    raise OutsideTarget("it has written before")

@pytest.mark.fault("hang")
def test_hang(machine):
    pass

@pytest.mark.fault("hang")
def test_hang_that_ends_otherwise():
    assert False

@pytest.fixture
def machine_that_cannot_be_switched_off():
    yield
    assert False

@pytest.mark.fault("hang")
def test_hang_that_counts_once(machine_that_cannot_be_switched_off):
    pass

def test_without_a_fault():
    assert False
"""


def test_runs_are_counted_by_kind_and_harm(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_TESTS)
    result = pytester.runpytest("-p", "fault_summary")
    result.stdout.fnmatch_lines(
        [
            "     4 cut",
            "     3 hang",
            "     7 faults injected; lost: 1, wrong bytes published: 2, bytes outside the target: 1; failed otherwise: 1",
        ]
    )


def test_without_faults_nothing_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_something(): pass")
    assert "faults injected" not in pytester.runpytest("-p", "fault_summary").stdout.str()
