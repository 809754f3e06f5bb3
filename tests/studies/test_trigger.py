"""The owner's other words are never heard before the test, and the threshold is set without them."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.inference import features, logits
from studies.detector import learned, on_recogniser, scores, threshold_for
from studies.keyword import Recording
from studies.rehearing import heard_again, spoken
from studies.trigger import TAKES, enrolled, score, trial
from tests.nets.models import small
from tests.nets.tasks import waves

SPEAKERS, DIGITS, EACH = 5, 3, 60


def recording() -> Recording:
    """As many takes of each of three digits by five speakers; nobody looks at their sound."""
    speakers, digits, takes = (part.ravel().astype(np.int32) for part in np.indices((SPEAKERS, DIGITS, EACH)))
    return Recording(np.zeros((len(takes), 8, 1), np.float32), digits, speakers, takes)


def heard(made: Recording, telling: float, seed: int = 0) -> np.ndarray:
    """Features that tell the digits apart by ``telling`` deviations, and every speaker's voice besides."""
    random = np.random.default_rng(seed)
    digits = telling * np.eye(DIGITS)[made.labels]
    voices = 2 * np.eye(SPEAKERS)[made.speakers]
    return np.float32(
        np.concatenate([digits, voices], 1) + random.standard_normal((len(made.labels), DIGITS + SPEAKERS))
    )


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=300), st.sampled_from([0.0, 0.01, 0.1, 0.5]))
def test_at_most_the_allowed_share_is_over_the_threshold(found: list[float], share: float) -> None:
    values = np.float32(found)
    threshold = threshold_for(values, share)
    assert (values > threshold).mean() <= share
    lower = values[values < threshold]
    if len(lower):  # it is the least such threshold
        assert (values > lower.max()).mean() > share


def test_the_owner_gives_ten_takes_and_is_tested_on_the_rest() -> None:
    given_takes, rest = enrolled(np.arange(100, 150), seed=3)
    assert len(given_takes) == TAKES and sorted([*given_takes, *rest]) == list(range(100, 150))
    assert enrolled(np.arange(100, 150), seed=4)[0].tolist() != given_takes.tolist()


def test_words_that_the_features_tell_apart_are_found() -> None:
    made = recording()
    found = score(made, lambda without: heard(made, telling=8.0), (0, 1), seed=0)
    assert found["false_rejects"] < 0.1 and found["false_accepts"] < 0.1


def test_features_that_say_nothing_of_the_word_wake_nobody() -> None:
    """The planted fault: a detector that knew only its owner's voice would accept every other word of the owner."""
    made = recording()
    found = score(made, lambda without: heard(made, telling=0.0), (0, 1), seed=0)
    assert found["false_rejects"] > 0.7 and found["false_accepts"] < 0.3


def test_a_recogniser_has_heard_neither_the_owner_nor_who_plays_the_owner() -> None:
    made, asked = recording(), list[frozenset[int]]()

    def seen(without: frozenset[int]) -> np.ndarray:
        asked.append(without)
        return heard(made, telling=4.0)

    trial(made, seen, owner=1, word=0, seed=0)
    assert asked == [frozenset({1, 0}), frozenset({1, 2}), frozenset({1, 3}), frozenset({1})]


def test_what_the_owner_says_in_the_test_changes_neither_detector_nor_threshold() -> None:
    """Every unseen word of the owner is replaced by loud noise: the takes of the word are scored as before."""
    made = recording()
    clean = heard(made, telling=4.0)
    noisy = clean.copy()
    other = (made.speakers == 1) & (made.labels != 0)
    noisy[other] += 50 * np.random.default_rng(1).standard_normal(noisy[other].shape).astype(np.float32)
    before, after = (
        trial(made, lambda without, kept=kept: kept, owner=1, word=0, seed=0)[0] for kept in (clean, noisy)
    )
    assert before == after


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 2.5])
def test_the_detector_answers_the_same_behind_the_recogniser(threshold: float) -> None:
    recogniser = small(seed=1)
    values, labels = waves(120, seed=0)
    found = features(recogniser, values)
    detector = learned(found, np.flatnonzero(labels == 0), np.flatnonzero(labels != 0), seed=0)
    whole = on_recogniser(recogniser, detector, threshold)
    answers = logits(whole, values)
    np.testing.assert_allclose(answers[:, 1] - answers[:, 0], scores(detector, found) - threshold, atol=1e-4)
    assert whole.task.classes == ("other", "word")


def test_takes_are_trimmed_and_heard_anew() -> None:
    values = np.zeros((2, 8000, 1), np.float32)
    values[0, 3000:5000, 0] = 0.5 * np.sin(2 * np.pi * 300 * np.arange(2000) / 8000 + 0.1)
    values[1, 0:8000, 0] = 0.1
    found, lengths = spoken(values)
    assert lengths.tolist() == [round(2000 * 22050 / 8000), round(8000 * 22050 / 8000)]
    assert abs(int(found[0, 1000]) - 16384 * np.sin(2 * np.pi * 300 * 1000 / 22050 + 0.1)) < 200
    copies = heard_again(values, 2, jax.random.key(0))
    assert copies.shape == (2, 2, 8000, 1) and np.isfinite(copies).all() and np.abs(copies).max() <= 1
    np.testing.assert_array_equal(copies, heard_again(values, 2, jax.random.key(0)))
    assert np.abs(copies[0] - copies[1]).max() > 0.01
