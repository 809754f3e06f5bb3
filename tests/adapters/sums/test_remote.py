"""A device that sends sums and no window gets what its windows would have given."""

import numpy as np
import pytest

from adapters.catalog import scope
from adapters.objective import Pools
from adapters.objectives.moments import MOMENTS
from adapters.sums.codec import from_bytes, to_bytes
from adapters.sums.remote import Request, answer, feature_moments, feature_request, next_request, solved
from adapters.sums.sums import Sums, merged, sums_of
from nets.inference import features
from nets.windows import Windows
from slipway.errors import Reason, Refused
from tests.adapters.shifts import shifted

POOL, _ = shifted(150, 1)
SCOPES = ["input_statistics", "norm_statistics", "input_statistics + norm_statistics"]


def asked(base, names, pools):
    """Answers of a device whose windows lie in ``pools``, through the wire, until nothing more is asked."""
    answers = {}
    while (request := next_request(base, names, answers)) is not None:
        assert request.layer not in answers
        answers[request.layer] = from_bytes(to_bytes(merged([answer(base, request, pool) for pool in pools])))
    return answers


@pytest.mark.parametrize("text", SCOPES)
def test_the_statistics_are_those_of_the_windows(base, text):
    names = scope(text).names(base)
    expected = MOMENTS.solve(base, names, Pools(Windows(POOL, None), None))
    found = solved(base, names, asked(base, names, [POOL]))
    assert found.keys() == names
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)


def test_it_matters_that_layers_are_asked_in_turn(base):
    """The planted fault: sums of every layer from the uncorrected base give other statistics."""
    names = scope("input_statistics + norm_statistics").names(base)
    answers = asked(base, names, [POOL])
    at_once = {layer: answer(base, Request(layer, False, {}), POOL) for layer in answers}
    last = f"{max(answers)}.mean"
    assert not np.allclose(solved(base, names, at_once)[last], solved(base, names, answers)[last], rtol=1e-2)


def test_windows_in_several_places_give_the_same_statistics(base):
    names = scope("norm_statistics").names(base)
    whole = solved(base, names, asked(base, names, [POOL]))
    parts = solved(base, names, asked(base, names, [POOL[100:], POOL[:7], POOL[7:100]]))
    for name in names:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5, atol=1e-5)


def test_sums_of_raw_channels_have_the_same_bytes_however_they_are_kept(base):
    request = next_request(base, scope("input_statistics").names(base), {})
    parts = [answer(base, request, part) for part in (POOL[90:], POOL[:20], POOL[20:90])]
    assert to_bytes(merged(parts)) == to_bytes(answer(base, request, POOL))


def test_coral_gets_the_mean_and_covariance_of_the_features(base):
    mean, covariance = feature_moments(base, answer(base, feature_request(base), POOL))
    seen = features(base, POOL).astype(np.float64)
    np.testing.assert_allclose(mean, seen.mean(0), atol=1e-6)
    np.testing.assert_allclose(covariance, np.cov(seen.T, bias=True), atol=1e-6)


def test_a_request_is_small(base):
    request = next_request(base, scope("norm_statistics").names(base), {})
    assert len(to_bytes(answer(base, request, POOL))) < 1000 < POOL.nbytes


def sums(count, channels):
    return sums_of(np.ones((count, channels), np.float32))


@pytest.mark.parametrize(
    "wrong", [sums(16, 2), sums(15, 3)], ids=["channels of another sensor", "no whole number of windows"]
)
def test_sums_of_something_else_are_refused(base, wrong):
    names = scope("input_statistics").names(base)
    with pytest.raises(Refused, match="whole windows"):
        solved(base, names, {0: wrong})


def test_what_is_missing_or_does_not_fit_is_refused(base):
    names = scope("norm_statistics").names(base)
    with pytest.raises(Refused, match="missing"):
        solved(base, names, {})
    with pytest.raises(Refused, match="holds none"):
        next_request(base, scope("head").names(base), {})
    with pytest.raises(Refused, match="does not have"):
        answer(base, Request(99, False, {}), POOL)
    with pytest.raises(Refused) as refused:
        answer(base, feature_request(base), POOL[:0])
    assert refused.value.reason is Reason.FIELD_REQUIRED
    assert isinstance(answer(base, feature_request(base), POOL[:1]), Sums)
