"""What the study of the closed loop tells of a run."""

from pathlib import Path
from typing import Any

from studies import loop_page
from studies.loop_picture import draw


def run(seed: int = 0) -> dict[str, Any]:
    """A run in which the second half of the answers is version 2's."""
    answers = [[(float(at), "1" if at < 60 else "2", at % 3 > 0) for at in range(120)] for _ in range(2)]
    return {
        "seed": seed,
        "moved": 20.0,
        "events": [
            (50.0, "models/activity/rollouts/1 brings models/activity/versions/2 to stable"),
            (1.0, "switched on"),
        ],
        "answers": answers,
        "right": {"home": 0.9, "moved": 0.15, "end": 0.58},
        "scores": [{"version": "1", "test": "phone", "accuracy": 0.151, "macro_f1": 0.162}],
    }


def test_the_page_has_a_row_for_each_run_and_says_what_the_policy_did(tmp_path: Path) -> None:
    draw(run(), tmp_path / "loop.png")
    assert (tmp_path / "loop.png").stat().st_size > 10_000
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    text = loop_page.section({"runs": [run(), run(1)]}, tmp_path, pictures)
    assert "| 0 | 90.0% | 15.0% | 58.0% | 15.1% (F1 16.2%) | – | – | – |" in text and "| 1 | 90.0%" in text
    assert text.index("switched on") < text.index("50 s: models/activity/rollouts/1 brings")
    assert (pictures / "loop.png").is_file()
