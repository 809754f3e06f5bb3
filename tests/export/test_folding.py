import numpy as np
import pytest

from export import steps as s
from export.folding import fold, split
from nets.layers import Conv, Dense, Flatten, Relu
from nets.model import Model
from slipway.errors import Reason, Refused
from tests.export import oracle
from tests.export.examples import NETS, example, model, windows


@pytest.mark.parametrize("name", NETS)
def test_steps_compute_what_the_records_say(name):
    made = example(name)
    values = windows(made, 5)
    np.testing.assert_allclose(s.run(fold(made), values), oracle.float_logits(made, values), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", ["mlp", "ring", "cnn", "separable"])
def test_batch_norm_and_relu_vanish_into_the_step_before(name):
    kinds = {type(step) for step in fold(example(name))}
    assert s.Scale not in kinds and s.Relu not in kinds


def test_a_ring_of_channels_needs_no_transposition():
    assert not [step for step in fold(example("ring")) if isinstance(step, s.Transpose)]


def test_a_time_series_needs_one_transposition():
    assert len([step for step in fold(example("cnn")) if isinstance(step, s.Transpose)]) == 1


def test_only_normalisation_and_layout_stay_in_float():
    front, back = split(fold(example("cnn")))
    assert [type(step) for step in front] == [s.Normalize, s.Transpose]
    assert isinstance(back[0], s.Conv)


def test_a_number_that_is_not_finite_is_refused_by_name():
    made = example("mlp")
    broken = Model(made.task, made.layers, {**made.arrays, "2.bias": np.full(16, np.nan, np.float32)})
    with pytest.raises(Refused) as refused:
        fold(broken)
    assert refused.value.reason is Reason.FIELD_INVALID and refused.value.field == "model.arrays.2.bias"


def test_a_net_that_ends_in_a_flattening_over_time_is_refused():
    with pytest.raises(Refused) as refused:
        fold(model((Conv(2, 3), Relu(), Flatten()), (4, 2)))
    assert refused.value.reason is Reason.EXPORT_UNSUPPORTED


def test_pads_follow_same_upper():
    made = model((Conv(3, 4, stride=3), Flatten(), Dense(2)), (10, 2))
    conv = next(step for step in fold(made) if isinstance(step, s.Conv))
    assert conv.pads == (1, 2)
