"""The optional dependencies of this package: loaded when needed, refused with a remedy where missing."""

import importlib
import importlib.util
import os
from typing import Any

from slipway.errors import Reason, Refused

EXTRA = "litert"
_DISTRIBUTIONS = {"tensorflow": "tensorflow-cpu", "ai_edge_litert": "ai-edge-litert"}  # by import name


def missing() -> tuple[str, ...]:
    """The distributions of the extra that are not installed."""
    return tuple(name for module, name in _DISTRIBUTIONS.items() if importlib.util.find_spec(module) is None)


def tensorflow() -> Any:
    """TensorFlow, which holds the converter.

    Raises:
        Refused: FIELD_INVALID, it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # at start-up it says much that concerns nobody here
    return _loaded("tensorflow")


def interpreters() -> Any:
    """LiteRT's module of interpreters.

    Raises:
        Refused: FIELD_INVALID, it is not installed.
    """
    return _loaded("ai_edge_litert.interpreter")


def _loaded(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Refused(
            Reason.FIELD_INVALID,
            field="export.litert",
            problem="a package is missing",
            found=_DISTRIBUTIONS[module.partition(".")[0]],
            remedy=f'Install the extra: pip install "slipway-server[{EXTRA}]".',
        ) from error
