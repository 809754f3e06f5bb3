"""A LiteRT file does the sensor's physics for itself: norms, gravity, spectra, sound and a sensor's correction."""

import numpy as np
import pytest

from export import front_steps as f
from export import integer
from export import steps as s
from export.calibration import quantize
from export.folding import fold
from export.litert import Runner
from export.litert.convert import tflite
from export.litert.steps import Values, draw
from export.litert.tensorflow import tensorflow
from nets.layers import BatchNorm, Conv, Correct, Dense, Flatten, GlobalAveragePool, MaxPool, Normalize, Relu
from nets.model import Model
from slipway.errors import Reason, Refused
from tests.export.examples import model
from tests.export.litert.programs import constants, needs_litert
from tests.export.test_fronts import DELAY, FRONTS, OFFSET, TURN
from tests.export.test_log_mel import LAYERS, _sound
from tests.nets.sensors import moving

FLOAT = 3e-6  # of the largest logit: what two orders of a sum in float32 may differ by
BYTE = 0.02  # of the largest logit: what one byte on the other side of an edge may cost, with 8 features
BODIES = {
    "conv": (Conv(16, 3), BatchNorm(), Relu(), MaxPool(2), GlobalAveragePool(), Dense(4)),
    "dense": (Flatten(), Dense(8), BatchNorm(), Relu(), Dense(4)),
}
CASES = {(name, body): (*FRONTS[name], Normalize(), *BODIES[body]) for name in FRONTS for body in BODIES}


def _made(name: str, body: str) -> tuple[Model, np.ndarray]:
    if name == "sound":
        return model(LAYERS, (1600, 1)), _sound(60)
    made = model(CASES[name, body], (32, 6))
    if Correct() in made.layers:
        made.arrays["0.matrix"][:] = np.eye(6) + 0.1 * made.arrays["0.matrix"]
        made.arrays["0.delay"][:] = DELAY
    return made, moving(60)


def _far(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@needs_litert
@pytest.mark.parametrize(("name", "body"), [*CASES, ("sound", "conv")])
def test_in_float_and_before_bytes_the_front_is_the_models(name: str, body: str) -> None:
    made, values = _made(name, body)
    steps, shape = fold(made), made.task.sensor.window_shape
    assert _far(Runner(tflite(steps, shape))(values), s.run(steps, values)) < FLOAT
    net = quantize(steps, values, copies=2).net
    found, wanted = Runner(tflite(steps, shape, net))(values), integer.logits(net, values)
    assert _far(found, wanted) < BYTE
    assert np.median(np.abs(found - wanted).max(1)) < FLOAT * np.abs(wanted).max()  # and most windows cross no edge


@needs_litert
@pytest.mark.parametrize("name", ["spectral", "sound"])
def test_before_bytes_a_spectrum_keeps_its_numbers_in_float(name: str) -> None:
    made, values = _made(name, "conv")
    steps = fold(made)
    waves = next(step.waves for step in steps if isinstance(step, f.Spectrum | s.LogMel))
    file = tflite(steps, made.task.sensor.window_shape, quantize(steps, values).net)
    held = [np.sort(array.ravel()) for _, array in constants(file) if array.dtype == np.float32]
    assert any(np.array_equal(array, np.sort(waves.ravel())) for array in held)


@needs_litert
@pytest.mark.parametrize("name", ["gravity", "spectral", "sound"])
def test_a_silent_window_is_finite(name: str) -> None:
    made, values = _made(name, "conv")
    silence = np.zeros((1, *values.shape[1:]), np.float32)
    found = Runner(tflite(fold(made), made.task.sensor.window_shape))(silence)
    assert np.isfinite(found).all() and _far(found, s.run(fold(made), silence)) < FLOAT


@needs_litert
@pytest.mark.parametrize(
    "step",
    [
        f.Delay("delay", DELAY),
        f.Delay("late", np.full(6, -31.5, np.float32)),
        f.Delay("one", np.array([0.5], np.float32)),
        f.Mix("mix", TURN, OFFSET),
    ],
    ids=lambda step: step.name,
)
def test_a_sensors_correction_is_undone_as_the_model_does_it(step: f.FrontStep) -> None:
    channels = len(step.delay) if isinstance(step, f.Delay) else 6
    values = moving(1).transpose(0, 2, 1)[:, :channels]
    found = draw(step, Values(tensorflow().constant(values.transpose(0, 2, 1)[:, None]), True))
    np.testing.assert_allclose(found.tensor[0, 0].numpy().T, f.apply(step, values)[0], atol=1e-5)


@needs_litert
def test_a_planted_wrong_delay_shows() -> None:
    made, values = _made("corrected", "conv")
    file = tflite(fold(made), made.task.sensor.window_shape)
    made.arrays["0.delay"][1] += 0.05
    assert _far(Runner(file)(values), s.run(fold(made), values)) > 1e-4


@needs_litert
def test_a_step_that_nobody_drew_is_refused_by_its_name() -> None:
    class Wavelet:
        name = "3.wavelet"

    with pytest.raises(Refused) as refused:
        draw(Wavelet(), Values(tensorflow().zeros((1, 1, 4, 2))))  # type: ignore[arg-type]
    assert refused.value.reason is Reason.EXPORT_UNSUPPORTED and "Wavelet 3.wavelet" in refused.value.message
