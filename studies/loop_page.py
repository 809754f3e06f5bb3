"""The section "The closed loop" of the studies' page, from what ``studies.loop`` found."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TITLE = "The closed loop"
INTRODUCTION = f"""## {TITLE}

Everything real: a server with its worker, four agents in processes of their own, and a policy that nobody helps. The
base learns from the labelled watches of 12 people, and is exported with those of four more, who tell what home looks
like. The devices are shared: whoever has one wears it for eight windows. First they answer what the watches of seven
other people recorded, then they are carried in pockets, and answer what the phones of the 16 recorded. They report
drift and send windows without a label; labels only count which answers were right. *Test*: the phones, and the
watches, of the seven.

Runs before this one failed, and Slipway was changed: an export was refused for one window in a thousand; devices sent
windows of home among those that drift; and a rollout stopped the better model because the old one was surer of wrong
answers. Home was then told by people whom the base had not learned from, devices became shared ones, and the drift
limit 3, for strangers' wrists alone are at up to 2. All this was chosen with the phones' scores in view.
"""
HEAD = """
| seed | right: at home | in the pocket | after the rollout | phone test: version 1 | 2 | watch test: version 1 | 2 |
|---|---|---|---|---|---|---|---|"""


def section(result: Mapping[str, Any], out: Path, pictures: Path) -> str:
    """Markdown of all runs, and what the first one's policy did.

    Args:
        result: as ``studies.loop`` wrote it.
        out: where its picture lies.
        pictures: where the page's pictures go.
    """
    runs = result["runs"]
    text = [INTRODUCTION + HEAD, *map(_row, runs), "", "What the policy said, seed 0:", ""]
    text += [f"- {at:.0f} s: {words}" for at, words in sorted(runs[0]["events"])]
    shutil.copy(out / "loop.png", pictures)
    return "\n".join([*text, "", f"![Right answers of the fleet over time]({pictures.name}/loop.png)", ""])


def _row(run: Mapping[str, Any]) -> str:
    scores = {(score["test"], score["version"]): score for score in run["scores"]}

    def told(test: str, version: str) -> str:
        score = scores.get((test, version))
        return "–" if score is None else f"{score['accuracy']:.1%} (F1 {score['macro_f1']:.1%})"

    right = [f"{run['right'][when]:.1%}" for when in ("home", "moved", "end")]
    measured = [told(test, version) for test in ("phone", "watch") for version in ("1", "2")]
    return f"| {run['seed']} | {' | '.join((*right, *measured))} |"
