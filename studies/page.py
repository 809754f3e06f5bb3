"""``docs/studies.md``: what every study found, from the files below ``out/studies``."""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from studies.device_page import TITLE as DEVICE_TITLE
from studies.device_page import section as device_section
from studies.loop_page import TITLE as LOOP_TITLE
from studies.loop_page import section as loop_section
from studies.run import table
from studies.study import Study

INTRODUCTION = """# Studies: simulation in, a real device out

Each study pretrains on one of Slipway's worlds and is measured on a public recording of a real device that the
simulator has never seen. `make studies` runs them all where `SLIPWAY_DATA` names the recordings, and writes this page.

| row | training data |
|---|---|
| `zero_shot` | simulation from the world's own prior, nothing of the device |
| `identified` | simulation from a prior fitted to the device's recording, without a class label |
| `input_statistics` | + mean and deviation per channel of the device's pool, forced past the gate |
| `norm_statistics` | + batch-norm statistics of the pool, forced past the gate |
| `batch_norm_mixing` | simulation, with the pool's batches through batch normalisation in training, no alignment loss |
| `unsupervised` | what the service itself chooses and the gate lets through, no label |
| `shot_k`, `seconds_k` | simulation, then training on with k labels a class, or k seconds of answers; no gate |
| `gated_k` | what the service chooses with the same labels and the gate lets through |
| `scratch_k` | the same labels, no simulation |
| `supervised` | every label of the pool, no simulation |
| `int8` | the shipped model's int8 form |

Mean ± deviation over seeds of simulation and training. Gains are read from the `shot` and `scratch` curves in macro-F1
(R² for a regression): jumpstart is the base untouched over learning alone from the fewest labels, asymptote is with
the base over alone at the most labels tried.
"""

HARM_TITLE = "Does the gate ship harm?"
HARM = f"""## {HARM_TITLE}

Every scenario × method × seed: each method adapts the same base to the device's pool without a label, the gate judges
all of them together with the effort of a job, and only then the test's labels say what each gained. Bases learn from
at most 24,000 simulated windows and methods take 200 steps, so that the whole takes hours, not days. `rover_long` and
`wearable_phone_turned` are recordings with a planted fault; `phone_watch` learns from one recorded device and serves
another. Regressions ship nothing without labels, and sums leave them out: R² has no lower bound.

What had been seen before: the gate was made while seeds 0 and 1 of these scenarios were looked at, tests and all, and
it was changed again when the results of these here were known. As it stood first it shipped, at seeds 2 and 3, six
times: one of them (`phone_watch` 3) lost 6.8 points, one did nothing, four gained 0.9 to 31. A rehearsed gain has had
to exceed ten points since; signs beside a rehearsal, which at seed 4 had still shipped a loss of 0.8 points
(`wearable_phone`), are no longer heard. The verdicts shown are those of the last rule: some were decided anew, the
others follow from the recorded bounds. No seed is untouched by it; what would show that it holds is other recordings.
Four deep methods (`mmd`, `cdan`, `mixup`, `consistency`) are left out for time. The sensor's estimator was tried,
without labels, on signals of people that are among the phone's test subjects while it was made.
"""


def write(out: Path, page: Path, studies: Mapping[str, Study]) -> None:
    """Write the page from the results below ``out``, and copy their pictures beside it.

    A section whose results are not there stays as it is on the page.

    Args:
        out: where ``studies.run`` left its files.
        page: the Markdown file; pictures go to a folder of its name without the ending.
        studies: the table, in the order of the page.
    """
    pictures = page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    kept = _sections(page.read_text()) if page.is_file() else {}

    def made(name: str, title: str, write: Callable[[Mapping[str, Any]], str]) -> str:
        file = out / f"{name}.json"
        return write(json.loads(file.read_text())) if file.is_file() else kept.get(title, "")

    parts = [made(name, name, lambda result: _section(result, out, pictures)) for name in studies]
    parts.append(made("harm", HARM_TITLE, lambda result: _harm(result, out, pictures)))
    parts.append(made("device", DEVICE_TITLE, lambda result: device_section(result["cells"])))
    parts.append(made("loop", LOOP_TITLE, lambda result: loop_section(result, out, pictures)))
    page.write_text("\n".join([INTRODUCTION, *filter(None, parts)]))


def _sections(text: str) -> dict[str, str]:
    """The sections of a page by their titles, each with its title, as they were joined."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    whole = [part.removesuffix("\n") for part in parts[:-1]] + parts[-1:]
    return {part.splitlines()[0].removeprefix("## "): part for part in whole}


def _section(result: Mapping[str, Any], out: Path, pictures: Path) -> str:
    name, counts = result["name"], result["windows"]
    text = [
        f"## {name}",
        "",
        f"{counts['simulated']:,} simulated windows, {counts['pool']:,} of the device's pool, "
        f"{counts['test']:,} of its test; "
        f"{_count(result['seeds'], 'seed')}, {result['seconds'] / 60:.0f} minutes, "
        f"{result['peak_memory_mb'] / 1024:.1f} GiB at most.",
        "",
        table(result["rows"]),
    ]
    if result["gains"] is not None:
        unit = "seconds of answers" if "seconds_1" in result["rows"] else "labels a class"
        text += [_gains(result["gains"], unit), ""]
    if (out / f"{name}.png").is_file():
        shutil.copy(out / f"{name}.png", pictures)
        text += [f"![Real and simulated signals of {name}]({pictures.name}/{name}.png)", ""]
    return "\n".join(text)


def _gains(gains: Mapping[str, Any], unit: str) -> str:
    saved = gains["labels_saved"]
    worth = f"more {unit} than were tried" if saved is None else f"{saved:.3g} {unit}"
    harm = f" **Harm at {', '.join(map(str, gains['harmful']))}.**" if gains["harmful"] else " No harm at any size."
    return (
        f"Jumpstart {gains['jumpstart']:+.3f}, slope a tenfold {gains['slope']:+.3f}, "
        f"asymptote {gains['asymptote']:+.3f}; the base untouched is worth {worth}.{harm}"
    )


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _harm(result: Mapping[str, Any], out: Path, pictures: Path) -> str:
    """What the gate shipped over all scenarios, methods and seeds."""
    rows = result["rows"]
    text = [
        HARM,
        f"{result['runs']} runs in {result['cells']} cells of scenario and seed: {result['harmful_runs']} would have "
        f"ended more than half a point below the base. The gate shipped {result['shipped']}, of which "
        f"{result['shipped_worse']} ended so; the worst ended {100 * result['worst_drop']:+.2f} points from the base. "
        f"That is accuracy. In macro-F1 {result['shipped_worse_macro_f1']} of those shipped ended more than half a "
        f"point below the base, the worst at {100 * result['worst_drop_macro_f1']:+.2f}. "
        f"All together gained {100 * result['shipped_gain']:+.1f} points; the best single method used everywhere, "
        f"`{result['best_single_method']}`, {100 * result['best_single_gain']:+.1f}; an oracle with the test's labels "
        f"{100 * result['oracle_gain']:+.1f}.",
        "",
        "| scenario | base | best by test labels (oracle) | shipped |",
        "|---|---|---|---|",
    ]
    for name, seed in dict.fromkeys((row["scenario"], row["seed"]) for row in rows):
        text.append(_cell([row for row in rows if (row["scenario"], row["seed"]) == (name, seed)]))
    shutil.copy(out / "harm.png", pictures)
    return "\n".join([*text, "", f"![True gain of every run and the gate's verdict]({pictures.name}/harm.png)", ""])


def _cell(rows: Sequence[Mapping[str, Any]]) -> str:
    """The line of one scenario and seed: where the base stood, what an oracle would take, what was shipped."""
    one, best = rows[0], max(rows, key=lambda row: row["gain"])
    sent = next((row for row in rows if row["shipped"]), None)
    stood = f"R² {one['base']:.2f}" if one["regression"] else f"{one['base']:.1%}, macro-F1 {one['base_macro_f1']:.1%}"
    told = "base" if sent is None else f"`{sent['method']}` {_gained(sent)}"
    return f"| {one['scenario']} {one['seed']} | {stood} | `{best['method']}` {_gained(best)} | {told} |"


def _gained(row: Mapping[str, Any]) -> str:
    if row["regression"]:
        return f"{row['gain']:+.2f}"
    return f"{100 * row['gain']:+.1f}, macro-F1 {100 * row['macro_f1']:+.1f}"
