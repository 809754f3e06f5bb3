"""Windows on the device: buckets, order, split."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.windows import Windows, bucket, labelled, pad_rows, place, shuffled, stratified_split


@given(st.integers(1, 10**6))
def test_a_bucket_holds_its_count_and_wastes_at_most_a_quarter(count):
    assert count <= bucket(count) <= max(8, count * 1.25)
    assert bucket(bucket(count)) == bucket(count)


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(0, 99))
def test_every_real_row_comes_once_before_any_comes_twice(count, seed):
    order = np.asarray(shuffled(jax.random.key(seed), 40, jnp.int32(count), 2 * count))
    assert sorted(order[:count]) == list(range(count))
    assert list(order[count:]) == list(order[:count])


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.floats(0, 0.9), st.integers(0, 9))
def test_a_split_loses_nothing_and_leaves_every_class_to_learn_from(labels, share, seed):
    labels = np.array(labels, np.int32)
    learn, held_out = stratified_split(labels, share, seed)
    assert sorted([*learn, *held_out]) == list(range(len(labels)))
    assert set(labels[learn]) == set(labels)


def test_placed_windows_say_how_many_are_real():
    windows, count = place(labelled(np.ones((9, 2, 1), np.float32), None))
    assert isinstance(windows, Windows) and windows.values.shape == (10, 2, 1) and int(count) == 9
    assert pad_rows(np.ones((2, 3)), 2).shape == (2, 3)
