"""The golden bundle and its parts: ``python -m tests.slipway.bundle.make_golden`` writes them again.

Do that only when the format changes: devices in the field read the bytes that lie here.
"""

from pathlib import Path

import numpy as np

from slipway.bundle.archive import MANIFEST_NAME, read
from tests.export.examples import model, windows

FOLDER = Path(__file__).parent / "golden"
BUNDLE = FOLDER / "golden.slipway"


def parts() -> dict[str, bytes]:
    """The golden files by name, without the manifest."""
    return {path.name: path.read_bytes() for path in FOLDER.iterdir() if path not in (BUNDLE, FOLDER / MANIFEST_NAME)}


def main() -> None:
    from export.folding import fold
    from export.package import export
    from export.steps import run
    from nets.layers import BatchNorm, Conv, Dense, GlobalAveragePool, Normalize, Relu

    layers = (Normalize(), Conv(4, 3), BatchNorm(), Relu(), GlobalAveragePool(), Dense(3))
    made = model(layers, (8, 2))
    values = windows(made, 256)
    data = export(
        made,
        calibration_values=values,
        proof_values=values,
        self_test_values=np.round(values[:4], 2),
        lineage={"job": "jobs/1", "seed": 0, "share": 0.5, "real": False},
        version="1",
        name="golden",
        created="2030-01-31T12:00:00Z",
        reference=lambda made, values: run(fold(made), values),
    ).bundle
    bundle = read(data)
    FOLDER.mkdir(exist_ok=True)
    BUNDLE.write_bytes(data)
    (FOLDER / MANIFEST_NAME).write_bytes(bundle.manifest.to_bytes())
    for name, contents in bundle.files.items():
        (FOLDER / name).write_bytes(contents)


if __name__ == "__main__":
    main()
