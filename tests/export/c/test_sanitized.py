"""Under the address and undefined-behaviour sanitizers no kernel leaves its memory or its types."""

import subprocess

import numpy as np
import pytest

from export import c
from export.proof import run
from tests.export.c.building import COMPILER, WARNINGS, needs_compiler
from tests.export.c.test_generated import _fronts, exported
from tests.export.examples import example, windows

pytestmark = needs_compiler
_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "model.h"
int main(void)
{
    /* on the heap, so that a read one number too far is seen */
    float *window = malloc(sizeof(float) * MODEL_WINDOW_LENGTH * MODEL_CHANNELS);
    float *logits = malloc(sizeof(float) * MODEL_CLASSES);
    while (fread(window, sizeof(float), MODEL_WINDOW_LENGTH * MODEL_CHANNELS, stdin) > 0) {
        model_run(window, logits);
        fwrite(logits, sizeof(float), MODEL_CLASSES, stdout);
    }
    free(window);
    free(logits);
    return 0;
}
"""
_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")


def _sanitized(files, folder):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "main.c").write_text(_MAIN)
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    command = [COMPILER, *WARNINGS, *_SANITIZERS, "-o", str(folder / "main"), *sources, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    if "cannot find -lasan" in done.stderr or "cannot find -lubsan" in done.stderr:
        pytest.skip("the sanitizers' libraries are not installed")
    assert done.returncode == 0, done.stderr
    return folder / "main"


@pytest.mark.parametrize(
    ("name", "arithmetic"),
    [("cnn", "float"), ("separable", "integer"), ("ring", "integer"), ("spectral", "float"), ("log_mel", "float")],
)
def test_nothing_is_read_or_written_out_of_bounds(name, arithmetic, tmp_path):
    if name in ("spectral", "log_mel"):
        made, fitting, values = _fronts()[name]
    else:
        made = example(name)
        fitting, values = windows(made, 64), 1.5 * windows(made, 40, seed=2)
    graph = exported(made, fitting, copies=2)[1]
    program = _sanitized(c.generate(graph, arithmetic=arithmetic).files, tmp_path)
    done = subprocess.run([program], input=values.astype("<f4").tobytes(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()[:3000]
    found = np.frombuffer(done.stdout, "<f4").reshape(len(values), -1)
    if name != "spectral":
        np.testing.assert_array_equal(found, run(graph, values))


def test_an_arena_one_word_short_is_seen(tmp_path):
    made = example("cnn")
    files = dict(c.generate(exported(made, windows(made, 64))[1]).files)
    header = files["model.h"].decode()
    size = int(header.partition("#define MODEL_ARENA_BYTES ")[2].split()[0])
    files["model.h"] = header.replace(f"ARENA_BYTES {size}", f"ARENA_BYTES {size - 8}").encode()
    program = _sanitized(files, tmp_path)
    done = subprocess.run([program], input=windows(made, 2).tobytes(), capture_output=True, timeout=60)
    assert (done.returncode != 0 and b"Sanitizer" in done.stderr + done.stdout) or b"runtime error" in done.stderr
