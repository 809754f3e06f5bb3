"""Objectives as they are written in a job."""

import importlib
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import objectives
from adapters.catalog import OBJECTIVES, objective
from adapters.objective import Need, Term
from slipway.errors import Refused

PREFIX = f"{objectives.__name__}."
GRADIENTS = [name for name, term in OBJECTIVES.items() if term.solve is None]
TERMS = st.tuples(st.sampled_from(GRADIENTS), st.floats(0.001, 1000).map(lambda weight: float(f"{weight:g}")))


@given(st.lists(TERMS, min_size=1, max_size=4))
def test_a_sum_reads_back_as_itself(terms):
    text = " + ".join(name if weight == 1 else f"{name}*{weight:g}" for name, weight in terms)
    found = objective(text)
    assert found.text == text
    assert found == objective(text)
    assert found.needs == frozenset().union(*(OBJECTIVES[name].needs for name, _ in terms))


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


def test_every_term_of_the_folder_is_in_the_table():
    modules = [importlib.import_module(found.name) for found in pkgutil.iter_modules(objectives.__path__, PREFIX)]
    terms = [value for module in modules for value in vars(module).values() if isinstance(value, Term)]
    assert {term.name for term in terms} == set(OBJECTIVES)
    assert set(terms) == set(OBJECTIVES.values())
