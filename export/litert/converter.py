"""TensorFlow's converter: a function of one tensor becomes the bytes of a ``.tflite`` file."""

from collections.abc import Callable
from typing import Any

from export.litert.tensorflow import tensorflow
from slipway.errors import Reason, Refused

INPUT, OUTPUT = "window", "logits"  # names in the file's only signature


def flatbuffer(
    function: Callable[[Any], Any], shape: tuple[int, ...], *, quantized: bool = False, byte_ends: bool = False
) -> bytes:
    """Convert a function, builtin operators only.

    Args:
        function: of one float32 tensor; what it marks with grids becomes integers if ``quantized``.
        shape: of the tensor, every size fixed.
        quantized: whether grids are looked for.
        byte_ends: whether what goes in and comes out is int8; it needs grids too.

    Raises:
        Refused: EXPORT_UNSUPPORTED, the converter cannot write it.
    """
    tf = tensorflow()
    signature = [tf.TensorSpec(shape, tf.float32, name=INPUT)]
    drawn = tf.function(lambda window: {OUTPUT: function(window)}, input_signature=signature, autograph=False)
    concrete = drawn.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if byte_ends:
        converter.inference_input_type = converter.inference_output_type = tf.int8
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter's errors share no class of their own
        said = str(error).strip().splitlines() or [type(error).__name__]
        problem = f"the converter cannot write it: {said[0]}"
        raise Refused(Reason.EXPORT_UNSUPPORTED, field="model.layers", problem=problem) from error
