"""What the int8 nets of the five tasks need on an emulated Cortex-M4F, beside public peers on the same net.

The nets are depthwise-separable (the rover's: a ring), as ``nets.architectures`` builds them for small processors.
Their numbers are random: neither instructions nor bytes depend on them. The windows are simulated. Every answer must
equal ONNX Runtime's, on all three cores; two libraries agree on a spectrum to its last bits only, so that of sound a
byte may differ, and the record says how many. Where a peer is not installed, or cannot run the net, the unit says "no
peer" and the reference is the value itself.

Peers: ``emx-onnx-cgen`` (Apache-2.0) writes C for the same graph, which is built with the same options; TensorFlow Lite
for Microcontrollers, see ``benchmarks._tflite_micro``.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import jax
import numpy as np

from benchmarks._tflite_micro import can_be_tflite, has_tflm, head_bytes
from benchmarks.int8 import _record
from export.c import generate
from export.calibration import quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.mcu.boards import BOARDS, CORTEX_M3, CORTEX_M4F, Board
from export.mcu.measure import Measured, measure, require_equal
from export.mcu.tools import missing
from export.proof import run as onnx_runtime
from export.steps import Floats
from nets import layers as records
from nets.architectures import ds_cnn, is_sound
from nets.model import Model
from sim.catalog import WORLDS
from sim.generate import windows as simulated
from slipway.spec import TaskSpec

TASKS = {
    "rover": "rover",
    "wearable": "wearable_phone",
    "contact": "contact_go1",
    "pendulum": "pendulum",
    "keyword": "keyword",
}
WINDOWS = 200
FEW = 20  # of sound where its spectrum is computed in software: 300 million instructions each
PEER_WINDOWS = 20  # a peer's instructions hardly depend on the window
PEER_STACK_BYTES = 2 << 20  # it keeps every tensor there
SECONDS = 300.0


def run() -> list[dict]:
    """Flash, RAM, instructions and arena of each task's net on Cortex-M4F."""
    if absent := missing():
        print(f"microcontroller: not installed: {', '.join(absent)}", file=sys.stderr)
        return []
    for peer, there in (("emx-onnx-cgen", has_emx()), ("tflite-micro", has_tflm())):
        if not there:
            print(f"microcontroller: {peer} is not installed, so nothing is compared with it", file=sys.stderr)
    return [record for task, world in TASKS.items() for record in _task(task, world)]


def _task(task: str, world: str) -> list[dict]:
    windows = simulated(WORLDS[world], jax.random.key(0), WINDOWS)[0]
    made = model(WORLDS[world].task)
    net = quantize(fold(made), windows).net
    graph = to_bytes(int8_onnx(net, made.task))
    expected = onnx_runtime(graph, windows)
    files = generate(graph).files
    sound = is_sound(made.task)
    found = {
        name: _measured(files, board, windows[: FEW if sound and board is CORTEX_M3 else WINDOWS], expected, sound)
        for name, board in BOARDS.items()
    }
    compared = sum(one.windows for one in found.values()) * expected[0].nbytes
    ours = found[CORTEX_M4F.name]
    emx = measure_emx(graph, made.task, windows[:PEER_WINDOWS], expected[:PEER_WINDOWS]) if has_emx() else None
    tensors = head_bytes(net, windows[:PEER_WINDOWS])[0] if has_tflm() and can_be_tflite(net) else None
    return [
        *(
            _beside(f"mcu_{task}_{field}", getattr(ours, field), unit, emx and getattr(emx, field))
            for field, unit in (("flash_bytes", "bytes"), ("ram_bytes", "bytes"), ("instructions", "instructions"))
        ),
        _beside(f"mcu_{task}_arena_bytes", ours.arena_bytes, "bytes", tensors),
        _record(f"mcu_{task}_differing_bytes", sum(one.differing_bytes for one in found.values()), "bytes", compared),
    ]


def _beside(name: str, value: int, unit: str, peer: int | None) -> dict:
    return _record(name, value, f"{unit}, no peer", value) if peer is None else _record(name, value, unit, peer)


def _measured(files: Mapping[str, bytes], board: Board, windows: Floats, expected: Floats, sound: bool) -> Measured:
    found = measure(files, "model", board, windows, expected[: len(windows)], timeout_seconds=SECONDS)
    return found if sound else require_equal(found)


def model(task: TaskSpec) -> Model:
    """A net for a task with random numbers of a sane size."""
    rng, layers = np.random.default_rng(0), ds_cnn(task)
    arrays = {}
    for name, shape in records.all_array_shapes(layers, task.sensor.window_shape).items():
        arrays[name] = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        if name.endswith("kernel"):
            arrays[name] = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32)
    return Model(task, layers, arrays)


def has_emx() -> bool:
    """Whether the public generator is installed."""
    return importlib.util.find_spec("emx_onnx_cgen") is not None


def measure_emx(graph: bytes, task: TaskSpec, windows: Floats, expected: Floats) -> Measured:
    """The public generator's C on Cortex-M4F, all temporaries and weights in the program as on a device."""
    files = emx_files(graph, task)
    found = measure(
        *(files, "peer", CORTEX_M4F, windows, expected),
        warnings=(),
        stack_bytes=PEER_STACK_BYTES,
        timeout_seconds=SECONDS,
    )
    if found.differing_bytes:
        print(f"microcontroller: the peer differs in {found.differing_bytes} bytes", file=sys.stderr)
    return found


def emx_files(graph: bytes, task: TaskSpec) -> dict[str, bytes]:
    """What ``emx-onnx-cgen`` writes for a graph, with the face of our own generator."""
    time, channels = task.sensor.window_shape
    classes = task.answer_size
    face = (
        f"#define PEER_WINDOW_LENGTH {time}\n#define PEER_CHANNELS {channels}\n#define PEER_CLASSES {classes}\n"
        "#define PEER_ARENA_BYTES 0\nvoid peer_run(const float *window, float *logits);\n"
    )
    call = (
        f"void net(const float window[1][{time}][{channels}], float logits[1][{classes}]);\n"
        "void peer_run(const float *window, float *logits) {\n"
        f"  net((const float (*)[{time}][{channels}])window, (float (*)[{classes}])logits);\n}}\n"
    )
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "net.onnx").write_bytes(graph)
        program = "import sys; from emx_onnx_cgen.cli import main; sys.exit(main(sys.argv[1:]))"
        options = ("--large-temp-threshold", "0", "--large-weight-threshold", "0", "--input-dim", "batch=1")
        command = [sys.executable, "-c", program, "compile", "net.onnx", "net.c", "--model-name", "net", *options]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        return {"peer.h": face.encode(), "peer.c": call.encode(), "net.c": (place / "net.c").read_bytes()}
