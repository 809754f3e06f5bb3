"""Objectives as they are written in a job."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import adapters.objectives
from adapters.catalog import OBJECTIVES, objective
from adapters.objective import Need
from slipway.errors import Refused

GRADIENTS = [name for name in OBJECTIVES if name != "moments"]
TERMS = st.tuples(st.sampled_from(GRADIENTS), st.floats(0.001, 1000).map(lambda weight: float(f"{weight:g}")))


@given(st.lists(TERMS, min_size=1, max_size=4))
def test_a_sum_reads_back_as_itself(terms):
    text = " + ".join(f"{name}*{weight:g}" for name, weight in terms)
    found = objective(text)
    assert found.text == text
    assert found is objective(text)
    assert found.needs == frozenset().union(*(OBJECTIVES[name]().needs for name, _ in terms))


def test_an_objective_says_what_data_it_needs():
    assert objective("coral*0.5 + cross_entropy").needs == set(Need)
    assert objective("information_maximisation").needs == {Need.TARGET_WINDOWS}


@pytest.mark.parametrize(
    "text",
    ["", "coral*", "coral*-1", "coral*0", "moments*2", "magic", "coral cross_entropy", "coral**2", "coral*1e999"],
)
def test_what_is_not_an_objective_is_refused(text):
    with pytest.raises(Refused) as refused:
        objective(text)
    assert refused.value.field == "objective" and refused.value.remedy


def test_every_file_of_the_folder_is_in_the_table():
    folder = Path(adapters.objectives.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(OBJECTIVES)
