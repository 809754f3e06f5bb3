"""Compiled programs outlive the process."""

import subprocess
import sys
from pathlib import Path

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
