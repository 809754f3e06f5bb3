"""The demo's report and summary: complete, self-contained, and plain about a simulated device."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slipway.client.values import Decision, Evaluation, Evidence, Progress
from studies.demo import report
from studies.demo.result import Drive, Result, Row

CLASSES = ("left", "right")
SUMMARY = {
    "data", "zero_shot", "input_statistics", "norm_statistics", "unsupervised", "shot_20", "supervised",
    "int8_accuracy", "float_accuracy", "gate", "adapter_bytes", "bundle_bytes", "seconds_total", "seconds_pretrain",
    "seconds_adapt", "offline_ok",
}  # fmt: skip
ROWS = ("zero_shot", "input_statistics", "norm_statistics", "unsupervised", "shot_20", "scratch_20", "supervised")


@pytest.fixture
def result() -> Result:
    confusion = ((5, 1), (0, 6))
    evidence = (Evidence("base", {"information": -0.1}, 1.0, ""), Evidence("head", {}, 0.0, "<b>it collapsed</b>"))
    circle = np.linspace(0, 6, 50)
    return Result(
        data="real",
        classes=CLASSES,
        rows=tuple(Row(name, f"meaning of {name}", 11 / 12, 0.9, confusion, 64) for name in ROWS),
        history=(Progress("training", 0.0, 0, 0.0, 0.5), *(Progress("t", 1.0, n, 1 / n, 0.9) for n in (1, 2, 3))),
        decision=Decision("base", False, "keep the base: it is good", evidence),
        drive=Drive(
            walls=np.array([[[0, 0], [1, 0]]], float),
            poses=np.stack([np.cos(circle), np.sin(circle), circle], 1),
            commands=np.arange(50) % 2,
            radius_m=0.4,
            rounds=1.0,
            collided=False,
        ),
        int8=Evaluation(11 / 12, 0.9, confusion, CLASSES, 12),
        float_accuracy=11 / 12,
        bundle_bytes=1234,
        offline_ok=True,
        seconds_total=1.0,
        seconds_pretrain=0.5,
        seconds_adapt=0.1,
        peak_memory_bytes=2**30,
    )


def page(result: Result, folder: Path) -> str:
    report.write(result, folder / "report.html")
    return (folder / "report.html").read_text()


def test_the_summary_has_every_promised_key(result: Result) -> None:
    assert set(result.summary()) >= SUMMARY


def test_every_row_and_four_pictures_are_on_the_page(result: Result, tmp_path: Path) -> None:
    text = page(result, tmp_path)
    assert text.count("<svg") == 4
    for name in ROWS:
        assert f"meaning of {name}" in text


def test_the_page_loads_nothing_from_elsewhere(result: Result, tmp_path: Path) -> None:
    text = page(result, tmp_path)
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', text) == []


def test_words_from_outside_are_escaped(result: Result, tmp_path: Path) -> None:
    text = page(result, tmp_path)
    assert "<b>it collapsed" not in text and "&lt;b&gt;it collapsed" in text


@pytest.mark.parametrize(("data", "warned"), [("real", False), ("simulated", True)])
def test_a_simulated_device_is_called_so(result: Result, tmp_path: Path, data: str, warned: bool) -> None:
    assert ("the device of this run is simulated" in page(replace(result, data=data), tmp_path)) is warned
