"""Lines in, lines out: every window gets its answer or the reason why not, in order."""

import io
import json
from typing import Any

import pytest

from slipway.bundle.archive import read
from slipway.bundle.runtime import Runtime
from slipway.edge.answer import answers
from slipway.edge.install import Live
from slipway.edge.state import Installed
from slipway.errors import Refused
from slipway.spec import Channel, TaskSpec
from tests.slipway.edge.bundles import SENSOR, WINDOW, bundle


def live(version: int) -> Live:
    return Live(Installed(f"models/rover/versions/{version}", "0" * 64, version), Runtime(read(bundle(version))))


def ask(text: bytes, model: Live | None = None) -> list[dict[str, Any]]:
    chosen = model or live(2)
    return list(answers(io.BytesIO(text), lambda: chosen))


def test_an_answer_names_class_probabilities_and_version() -> None:
    (found,) = ask(json.dumps(WINDOW).encode())
    assert found["class"] == "even" and found["version"] == "models/rover/versions/2"
    assert list(found["probabilities"]) == ["odd", "even"]
    assert sum(found["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)
    assert found["probabilities"]["even"] == pytest.approx(0.731059, abs=1e-6)


def test_an_id_comes_back_and_blank_lines_are_skipped() -> None:
    line = json.dumps({"id": "a-7", "window": WINDOW}).encode()
    found = ask(b"\n" + line + b"\n  \n" + json.dumps(WINDOW).encode())
    assert [row.get("id") for row in found] == ["a-7", None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "FIELD_INVALID"),
        (b"{}", "FIELD_INVALID"),
        (b"7", "FIELD_INVALID"),
        (b"[[1,2],[3]]", "FIELD_INVALID"),
        (b'[["a",2],[3,4],[5,6]]', "FIELD_INVALID"),
        (b"[[null,2],[3,4],[5,6]]", "SAMPLE_NOT_FINITE"),
        (b"[[NaN,2],[3,4],[5,6]]", "SAMPLE_NOT_FINITE"),
        (b"[[1e999,2],[3,4],[5,6]]", "SAMPLE_NOT_FINITE"),
        (b"[[1,2],[3,4]]", "WINDOW_SHAPE_MISMATCH"),
        (b"[1,2,3]", "WINDOW_SHAPE_MISMATCH"),
        (b"[" * 100_000, "FIELD_INVALID"),
        (b"[[1" + b"0" * 400 + b",2],[3,4],[5,6]]", "FIELD_INVALID"),
        (b"\xff\xfe", "FIELD_INVALID"),
    ],
)
def test_a_bad_line_is_answered_with_the_reason_and_the_next_goes_on(line: bytes, reason: str) -> None:
    bad, good = ask(line + b"\n" + json.dumps(WINDOW).encode())
    assert bad["error"]["reason"] == reason
    assert "line 1" in bad["error"]["message"] and bad["error"]["remedy"]
    assert good["class"] == "even"


def test_a_line_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.edge.answer.LINE_LIMIT_BYTES", 100)
    found = ask(b"[" + b"1," * 100)
    assert found[0]["error"]["reason"] == "LIMIT_EXCEEDED"


def test_the_model_may_change_between_two_lines() -> None:
    models = iter([live(1), live(2)])
    line = json.dumps(WINDOW).encode() + b"\n"
    found = answers(io.BytesIO(line * 2), lambda: next(models))
    assert [(row["class"], row["version"][-1]) for row in found] == [("odd", "1"), ("even", "2")]


def test_a_regression_answers_with_its_outputs_by_name() -> None:
    task = TaskSpec("arm", SENSOR, outputs=(Channel("shoulder", "N.m"), Channel("elbow", "N.m")))
    installed = Installed("models/arm/versions/2", "0" * 64, 2)
    arm = Live(installed, Runtime(read(bundle(2, model="arm", task=task))))
    (found,) = ask(json.dumps(WINDOW).encode(), arm)
    assert found == {"outputs": {"shoulder": 2.0, "elbow": 3.0}, "version": "models/arm/versions/2"}
    with pytest.raises(Refused, match="quantities"):
        arm.runtime.answer(WINDOW)
