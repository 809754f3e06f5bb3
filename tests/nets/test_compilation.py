"""Compiled programs outlive the process, and do not fill it."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nets.compilation import release_when_crowded

CHILD = """
import sys
from pathlib import Path
from nets.compilation import enable_compilation_cache
enable_compilation_cache(Path(sys.argv[1]))
from tests.nets.test_training import learn
learn(epochs=1)
"""


def test_a_second_process_compiles_no_training_again(tmp_path):
    root, folder = Path(__file__).parents[2], tmp_path / "programs"

    def train_in_a_process():
        subprocess.run([sys.executable, "-c", CHILD, str(folder)], cwd=root, check=True, capture_output=True)
        return {path.name for path in folder.iterdir() if path.name.endswith("-cache")}

    first = train_in_a_process()
    assert first and train_in_a_process() == first


def test_programs_are_forgotten_only_when_they_crowd_the_process():
    program = jax.jit(lambda x: jnp.sin(x) @ x)
    before = program(jnp.ones((3, 3)))
    assert not release_when_crowded(share=1.0)
    assert program._cache_size() == 1
    assert release_when_crowded(share=0.0)
    assert program._cache_size() == 0
    np.testing.assert_array_equal(program(jnp.ones((3, 3))), before)
