"""What the tests of LiteRT need: the extra, and a look inside a file."""

import numpy as np
import pytest

from export.litert import missing
from export.litert.tensorflow import interpreters

needs_litert = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")


def operators(file: bytes) -> list[str]:
    """The operators of a file, in their order, without those that a delegate took over."""
    interpreter = interpreters().Interpreter(
        model_content=file,
        experimental_op_resolver_type=interpreters().OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    return [row["op_name"] for row in interpreter._get_ops_details()]


def constants(file: bytes) -> list[tuple[dict, np.ndarray]]:
    """The constants of a file with what it says about them."""
    interpreter = interpreters().Interpreter(model_content=file)
    found = []
    for row in interpreter.get_tensor_details():
        try:
            found.append((row, interpreter.get_tensor(row["index"])))
        except ValueError:  # an activation: it has no numbers before the file was run
            continue
    return found


def grids(file: bytes) -> set[tuple[float, int]]:
    """The grids in a file: scale and zero point."""
    return {row["quantization"] for row in interpreters().Interpreter(model_content=file).get_tensor_details()}


def kinds(file: bytes) -> set[type]:
    """The types of all its tensors."""
    return {row["dtype"] for row in interpreters().Interpreter(model_content=file).get_tensor_details()}
