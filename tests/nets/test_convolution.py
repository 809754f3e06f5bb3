"""The forms of a convolution for a CPU give what the compiler's own convolution gives."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.convolution import convolve, native
from nets.padding import pads


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    width, multiple = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    time, size, stride = draw(st.integers(1, 11)), draw(st.integers(1, 9)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = random.standard_normal((2, time, groups * width)).astype(np.float32)
    kernel = random.standard_normal((size, width, groups * multiple)).astype(np.float32)
    return x, kernel, stride, groups, draw(st.booleans())


@settings(max_examples=25)
@given(convolutions())
def test_values_and_gradients_equal_the_compilers(case):
    x, kernel, stride, groups, circular = case

    @jax.jit
    def both(x, kernel):
        found, found_back = jax.vjp(lambda *a: convolve(*a, stride=stride, groups=groups, circular=circular), x, kernel)
        expected, expected_back = jax.vjp(lambda *a: native(*a, stride, groups, circular), x, kernel)
        gradient = jnp.cos(expected)
        return (found, *found_back(gradient)), (expected, *expected_back(gradient))

    found, expected = both(x, kernel)
    assert found[0].shape == (2, -(-x.shape[1] // stride), kernel.shape[2])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 10))
def test_pads_are_those_of_jax_and_onnx_same_upper(time, size, stride):
    before, after = pads(time, size, stride)
    expected = jax.lax.padtype_to_pads((time,), (size,), (stride,), "SAME")
    assert [(before, after)] == list(expected)
    assert (time + before + after - size) // stride + 1 == -(-time // stride) or size < stride


def test_a_ring_has_no_first_beam():
    random = np.random.default_rng(0)
    x = jnp.asarray(random.standard_normal((1, 24, 1)), jnp.float32)
    kernel = jnp.asarray(random.standard_normal((5, 1, 3)), jnp.float32)
    turned = convolve(jnp.roll(x, 7, axis=1), kernel, circular=True)
    np.testing.assert_allclose(turned, jnp.roll(convolve(x, kernel, circular=True), 7, axis=1), atol=1e-6)
