"""The front layers' steps as TensorFlow operations on (1, 1, time, channels), in float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from export import front_steps as f
from export import steps as s
from export.litert.tensorflow import tensorflow
from nets.front_records import LEAST_GRAVITY
from nets.mel import POWER_FLOOR

_TIME, _CHANNELS = 2, 3


def draw_front(step: f.FrontStep | s.LogMel, tensor: Any) -> Any:
    """What one step makes of ``tensor``."""
    match step:
        case f.Delay():
            return _delay(step, tensor)
        case f.Mix(_, kernel, offset):
            return tensorflow().nn.conv2d(tensor, kernel.T[None, None], 1, "VALID") + offset
        case f.VectorNorms(_, vectors, others):
            parts = [_norm(_taken(tensor, vector)) for vector in vectors]
            return _joined(parts, tensor, others)
        case f.GravityFrame():
            return _gravity_frame(step, tensor)
        case f.Spectrum():
            return _spectrum(step, tensor)
        case s.LogMel():
            return _log_mel(step, tensor)


def _delay(step: f.Delay, tensor: Any) -> Any:
    """Two samples of each channel, weighed: a depthwise convolution after the ends were drawn out."""
    tf, time, delay = tensorflow(), tensor.shape[_TIME], step.delay.astype(np.float64)
    left, right = max(int(np.ceil(delay.max())), 0), max(int(np.ceil(-delay.min())), 0)
    whole = np.floor(delay).astype(int)
    taps = np.zeros((1, left + right + 1, len(delay), 1), np.float32)
    for channel, (lag, share) in enumerate(zip(whole, delay - whole, strict=True)):
        taps[0, left - lag, channel] = 1 - share
        if share:
            taps[0, left - lag - 1, channel] = share
    held = tf.gather(tensor, np.clip(np.arange(-left, time + right, dtype=np.int32), 0, time - 1), axis=_TIME)
    if len(delay) == 1:  # to TensorFlow one channel is no depthwise convolution
        return tf.nn.conv2d(held, taps, 1, "VALID")
    return tf.nn.depthwise_conv2d(held, taps, (1, 1, 1, 1), "VALID")


def _gravity_frame(step: f.GravityFrame, tensor: Any) -> Any:
    tf = tensorflow()
    mean = tf.reduce_mean(_taken(tensor, step.vectors[step.gravity]), _TIME, keepdims=True)
    down = mean / tf.maximum(_norm(mean), np.float32(LEAST_GRAVITY))
    vectors = [_taken(tensor, vector) for vector in step.vectors]
    along = [tf.reduce_sum(vector * down, _CHANNELS, keepdims=True) for vector in vectors]
    across = [_norm(vector - part * down) for vector, part in zip(vectors, along, strict=True)]
    return _joined([*along, *across], tensor, step.others)


def _spectrum(step: f.Spectrum, tensor: Any) -> Any:
    """Every channel is a row of one batch to the Fourier transform, a strided convolution."""
    tf = tensorflow()
    centred = tensor - tf.reduce_mean(tensor, _TIME, keepdims=True)
    rows = tf.transpose(centred, (3, 1, 2, 0))  # (channels, 1, time, 1)
    bins = tf.math.log(_power(rows, step.waves, step.bins, step.hop) + np.float32(step.floor))
    return tf.reshape(tf.transpose(bins, (1, 2, 0, 3)), (1, 1, step.frames, step.channels * len(step.bins)))


def _log_mel(step: s.LogMel, tensor: Any) -> Any:
    tf = tensorflow()
    power = _power(tensor, step.waves, step.bands, step.hop)
    share = power / (tf.reduce_mean(power, (1, _TIME, _CHANNELS), keepdims=True) + np.float32(POWER_FLOOR))
    return tf.math.log(share + np.float32(step.floor))


def _power(rows: Any, waves: s.Floats, sums: s.Floats, hop: int) -> Any:
    """(rows, 1, time, 1) → (rows, 1, frames, sums): the Fourier transform of all frames is one strided convolution."""
    tf = tensorflow()
    spectrum = tf.nn.conv2d(rows, waves.transpose(2, 1, 0)[None], (1, hop, hop, 1), "VALID")
    return tf.nn.conv2d(tf.square(spectrum), sums.transpose(2, 1, 0)[None], 1, "VALID")


def _taken(tensor: Any, channels: Sequence[int]) -> Any:
    return tensorflow().gather(tensor, np.array(channels, np.int32), axis=_CHANNELS)


def _norm(tensor: Any) -> Any:
    tf = tensorflow()
    return tf.sqrt(tf.reduce_sum(tf.square(tensor), _CHANNELS, keepdims=True))


def _joined(parts: list[Any], tensor: Any, others: Sequence[int]) -> Any:
    kept = [_taken(tensor, others)] if others else []
    return tensorflow().concat([*parts, *kept], _CHANNELS)
