"""A scope names the arrays that may change."""

import pytest

from adapters import scopes
from adapters.catalog import SCOPES, scope
from slipway.errors import Reason, Refused


def names(model, text):
    return {(int(name.split(".")[0]), name.split(".")[1]) for name in scope(text).names(model)}


def test_each_scope_names_its_arrays(base):
    # 0 Normalize, 1 Conv, 2 BatchNorm, 3 Relu, 4 MaxPool, 5 Conv, 6 BatchNorm, 7 Relu, 8 MaxPool, 9 mean, 10 Dense
    assert names(base, "input_statistics") == {(0, "mean"), (0, "deviation")}
    assert names(base, "norm_statistics") == {(i, n) for i in (2, 6) for n in ("mean", "variance")}
    assert names(base, "norm_affine") == {(i, n) for i in (2, 6) for n in ("scale", "offset")}
    assert names(base, "head") == {(10, "kernel"), (10, "bias")}
    assert names(base, "top(1)") == names(base, "head")
    assert names(base, "top(2)") == names(base, "head") | {(5, "kernel"), (6, "scale"), (6, "offset")}
    everything = {(int(name.split(".")[0]), name.split(".")[1]) for name in base.arrays}
    assert names(base, "full") == everything - names(base, "input_statistics")
    assert names(base, "top(99)") == names(base, "full") - names(base, "norm_statistics")


def test_scopes_add(base):
    both = names(base, "input_statistics + norm_statistics")
    assert both == names(base, "input_statistics") | names(base, "norm_statistics")
    assert scope("head+norm_affine").text == "head + norm_affine"


def test_bytes_are_those_of_the_arrays(base):
    assert scopes.size_bytes(scope("input_statistics"), base) == 2 * 3 * 4
    assert scopes.size_bytes(scope("head"), base) == (16 * 3 + 3) * 4


@pytest.mark.parametrize(
    "text", ["", "tail", "top", "top(0)", "top(-1)", "head(2)", "head +", "top(2", "HEAD", "h" * 999]
)
def test_what_is_not_a_scope_is_refused(text):
    with pytest.raises(Refused) as refused:
        scope(text)
    assert refused.value.reason in (Reason.FIELD_INVALID, Reason.LIMIT_EXCEEDED)
    assert refused.value.field == "scope"


def test_every_scope_of_the_table_can_be_written(base):
    for name in SCOPES:
        assert scope(f"{name}(1)" if name == "top" else name).names(base) <= set(base.arrays)
