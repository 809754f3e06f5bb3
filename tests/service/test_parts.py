"""A growing file of windows can be cut anywhere and resumed; finished, it is an ordinary .npy file."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.parts import Part, label_counts, read
from slipway.spec import Channel, SensorSpec

SENSOR = SensorSpec((Channel("a", "m"), Channel("b", "m")), 10.0, 3)


def values(count: int) -> np.ndarray:
    return np.arange(count * 6, dtype=np.float32).reshape(count, 3, 2)


def labels(count: int) -> np.ndarray:
    return (np.arange(count, dtype=np.int32) % 4) - 1


def fill(part: Part, until: int, total: int) -> None:
    first = part.count
    part.append(values(total)[first:until], labels(total)[first:until])


@settings(max_examples=60)
@given(st.integers(1, 30), st.data())
def test_any_cut_keeps_a_prefix_and_the_rest_completes_it(total: int, data: st.DataObject) -> None:
    written = data.draw(st.integers(0, total))
    committed = data.draw(st.integers(0, written))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.part"
        part = Part(path, SENSOR, total, 0)
        fill(part, written, total)
        part.sync()
        part.close()
        size = path.stat().st_size
        cut_at = data.draw(st.integers(0, size))
        with path.open("r+b") as file:
            file.truncate(cut_at)
        again = Part(path, SENSOR, total, committed)
        assert again.count <= committed
        if cut_at == size:
            assert again.count == committed
        fill(again, total, total)
        assert again.sync() == total
        again.close()
        records = read(path)
        np.testing.assert_array_equal(records["values"], values(total))
        np.testing.assert_array_equal(records["label"], labels(total))


def test_a_file_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.part"
    path.write_bytes(b"not an array" * 100)
    part = Part(path, SENSOR, 5, 3)
    assert part.count == 0
    fill(part, 5, 5)
    part.sync()
    part.close()
    np.testing.assert_array_equal(read(path)["values"], values(5))


def test_labels_are_counted_without_the_unknown_ones(tmp_path: Path) -> None:
    part = Part(tmp_path / "x.part", SENSOR, 9, 0)
    fill(part, 9, 9)
    part.sync()
    part.close()
    assert label_counts(tmp_path / "x.part", 4) == [2, 2, 2, 0]


def test_the_same_windows_make_the_same_file(tmp_path: Path) -> None:
    for name, stops in (("a", (7,)), ("b", (1, 4, 7))):
        part = Part(tmp_path / name, SENSOR, 7, 0)
        for stop in stops:
            fill(part, stop, 7)
        part.sync()
        part.close()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
