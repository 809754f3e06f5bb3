"""A bundle at work: ONNX Runtime on one thread, windows checked, the self-test as the device sees it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.bundle.archive import Bundle
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.windows import Values, check_values

CHUNK = 256  # windows run at once: bounds the memory of a long call


class Runtime:
    """Answers questions with a bundle's graph; one thread, and no memory kept beyond what one call needs.

    Args:
        bundle: a checked bundle.

    Raises:
        Refused: BUNDLE_UNUSABLE if ONNX Runtime cannot load the graph, or it is not a graph for the bundle's task.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._session = _session(bundle)
        _check_signature(self._session, bundle.manifest.task)

    @property
    def task(self) -> TaskSpec:
        """What it answers."""
        return self.bundle.manifest.task

    def logits(self, windows: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Logits (count, classes) of windows (count, time, channels) in the sensor's units.

        Raises:
            Refused: WINDOW_SHAPE_MISMATCH or SAMPLE_NOT_FINITE.
        """
        values = check_values(windows, self.task.sensor, "windows")
        return self._run(values)

    def answer(self, window: npt.ArrayLike) -> tuple[str, npt.NDArray[np.float32]]:
        """Name of the most likely class, and the probability of each, of one window (time, channels).

        Raises:
            Refused: as ``logits``; FIELD_INVALID where the task has outputs in place of classes.
        """
        if self.task.outputs:
            problem, remedy = "asks for quantities, not for a class", "Call logits: they are the outputs."
            raise Refused(Reason.FIELD_INVALID, field="task", problem=problem, found=self.task.name, remedy=remedy)
        logits = self.logits(np.asarray(window, np.float32)[None])[0]
        shares = np.exp(logits - logits.max())
        return self.task.classes[int(logits.argmax())], shares / shares.sum()

    def self_test(self) -> float:
        """Compute the bundle's own samples and return the largest difference of a logit.

        Raises:
            Refused: SELF_TEST_FAILED if it is over the bundle's tolerance.
        """
        limit = self.bundle.manifest.self_test_tolerance
        difference = float(np.abs(self._run(self.bundle.inputs) - self.bundle.outputs).max())
        if not difference <= limit:  # a NaN must fail
            raise Refused(Reason.SELF_TEST_FAILED, field=self.bundle.manifest.model, found=difference, limit=limit)
        return difference

    def _run(self, values: Values) -> npt.NDArray[np.float32]:
        parts = [values[at : at + CHUNK] for at in range(0, len(values), CHUNK)]
        found = [self._session.run(["logits"], {"window": part})[0] for part in parts]
        return np.concatenate([np.empty((0, self.task.answer_size), np.float32), *found])


def _session(bundle: Bundle) -> Any:
    import onnxruntime  # here, so that importing slipway stays fast

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(bundle.graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise _unusable(bundle.manifest.model, f"ONNX Runtime refuses it ({error})") from error


def _check_signature(session: Any, task: TaskSpec) -> None:
    found = [(value.name, value.type, value.shape[1:]) for value in (*session.get_inputs(), *session.get_outputs())]
    shape, classes = list(task.sensor.window_shape), [task.answer_size]
    if found != [("window", "tensor(float)", shape), ("logits", "tensor(float)", classes)]:
        raise _unusable(task.name, f"it reads and gives {found}")


def _unusable(name: str, problem: str) -> Refused:
    return Refused(Reason.BUNDLE_UNUSABLE, field="bundle", name=name, problem=problem)
