"""The trigger word: a device's owner says one word ten times, and from then on it wakes at that word alone.

A recogniser of digits, learned without the owner's voice, loses its output layer; a small detector takes its place. It
learns the owner's ten takes and the same word of the other speakers against their other words. The owner's other words
are never heard before the test: 450 takes of them, and the other 40 of the word.

The threshold comes from rehearsals: three of the other speakers play the owner, each for a recogniser that has not
heard that voice either. Over all rehearsals, at most one other word in a hundred is over the threshold.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

from nets.inference import features
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from nets.recipe import recipe_for
from sim.generate import windows
from sim.worlds.keyword import TASK, WORLD
from studies.detector import Floats, Rows, learned, scores, threshold_for
from studies.keyword import NAME, Recording, load
from studies.rehearing import heard_again
from studies.run import table
from studies.scores import Scores
from studies.study import Domain

WORDS = (0, 1, 3, 4, 5, 6, 7, 9)  # digits; two and eight were looked at while the detector was designed
TAKES = 10  # of the word, by its owner
FALSE_ACCEPTS = 0.01
SIMULATED = 24_000  # windows the recogniser is pretrained from
REPLAYED = 4096  # of them, beside the recorded takes
COPIES = 3  # of each recorded take, as other voices
MOVING = Recipe(epochs=4, batch_size=64, learning_rate=1e-3, label_smoothing=0.0, validation_share=0.0)

Seen = Callable[[frozenset[int]], Floats]  # speakers → features (takes, features) by a recogniser that never heard them


def climb(recording: Recording, words: tuple[int, ...], seed: int, kept: Path) -> Iterator[tuple[str, Scores]]:
    """Yield (row, scores): the recogniser knows synthetic voices only; then the other speakers' too.

    Args:
        recording: every take.
        words: digits that are the trigger in turn.
        seed: of everything random.
        kept: a folder for the recognisers, so that a study that was stopped goes on.
    """
    base = _kept(kept / f"base_{seed}.model", lambda: recogniser(seed))
    synthetic = features(base, recording.values)
    yield "synthetic_voices", score(recording, lambda without: synthetic, words, seed)

    @lru_cache(maxsize=1)
    def material() -> tuple[Domain, Floats]:
        key = jax.random.key(seed)
        copies = heard_again(recording.values, COPIES, jax.random.fold_in(key, 1))
        return Domain(*windows(WORLD, key, REPLAYED)), copies

    @lru_cache(maxsize=64)
    def seen(without: frozenset[int]) -> Floats:
        name = "_".join(map(str, (seed, *sorted(without))))
        made = _kept(kept / f"without_{name}.model", lambda: moved(base, *material(), recording, without, seed))
        return features(made, recording.values)

    yield "other_speakers", score(recording, seen, words, seed)


def recogniser(seed: int) -> Model:
    """What synthetic voices alone teach of the ten digits."""
    source = Domain(*windows(WORLD, jax.random.key(seed), SIMULATED))
    recipe = recipe_for(TASK, SIMULATED, simulated=True)
    return pretrain(TASK, source.values, source.labels, recipe=recipe, seed=seed).model


def moved(
    base: Model, source: Domain, copies: Floats, recording: Recording, without: frozenset[int], seed: int
) -> Model:
    """The base trained on with the takes of all speakers but some, as recorded and as other voices."""
    rows = ~np.isin(recording.speakers, sorted(without))
    values = np.concatenate([source.values, recording.values[rows], *copies[:, rows]])
    labels = np.concatenate([source.labels, np.tile(recording.labels[rows], 1 + len(copies))])
    return pretrain(TASK, values, labels, recipe=MOVING, seed=seed, start=base).model


def score(recording: Recording, seen: Seen, words: tuple[int, ...], seed: int) -> Scores:
    """Shares of false rejects and false accepts over every owner and word, and how the worst owner fares."""
    speakers = np.unique(recording.speakers).tolist()
    found = np.array([[trial(recording, seen, owner, word, seed) for word in words] for owner in speakers])
    rejects, accepts, at_best = np.moveaxis(found, 2, 0)
    return {
        "false_rejects": float(rejects.mean()),
        "false_accepts": float(accepts.mean()),
        "worst_owner_false_rejects": float(rejects.mean(1).max()),
        "worst_owner_false_accepts": float(accepts.mean(1).max()),
        "false_rejects_oracle_threshold": float(at_best.mean()),
    }


def trial(recording: Recording, seen: Seen, owner: int, word: int, seed: int) -> tuple[float, float, float]:
    """False rejects and false accepts of one owner's word; and false rejects by a threshold set on the test."""
    speakers = np.unique(recording.speakers).tolist()
    others = [speaker for speaker in speakers if speaker != owner]
    rehearsed = []
    for actor in actors(owner, speakers):
        heard = seen(frozenset({owner, actor}))
        rest = [speaker for speaker in others if speaker != actor]
        rehearsed.append(_scored(recording, heard, actor, rest, word, seed)[1])
    threshold = threshold_for(np.concatenate(rehearsed), FALSE_ACCEPTS)
    right, wrong = _scored(recording, seen(frozenset({owner})), owner, others, word, seed)
    at_best = float((right <= threshold_for(wrong, FALSE_ACCEPTS)).mean())
    return float((right <= threshold).mean()), float((wrong > threshold).mean()), at_best


def actors(owner: int, speakers: list[int]) -> list[int]:
    """Who plays the owner: both neighbours in the ring of speakers and the one opposite. Two who play each other share
    the recogniser that has heard neither, so that six speakers need nine of them."""
    place, count = speakers.index(owner), len(speakers)
    chosen = {(place + step) % count for step in (-1, 1, count // 2)} - {place}
    return [speakers[index] for index in sorted(chosen)]


def _scored(
    recording: Recording, heard: Floats, owner: int, others: list[int], word: int, seed: int
) -> tuple[Floats, Floats]:
    """Scores of the owner's takes that the detector never saw: of the word, and of the other words."""
    own = recording.speakers == owner
    given, rest = enrolled(np.flatnonzero(own & (recording.labels == word)), seed)
    known = np.isin(recording.speakers, others)
    alike = np.flatnonzero(known & (recording.labels == word))
    positives = np.concatenate([np.resize(given, len(alike)), alike])  # the owner counts as much as all others
    detector = learned(heard, positives, np.flatnonzero(known & (recording.labels != word)), seed)
    found = scores(detector, heard)
    return found[rest], found[own & (recording.labels != word)]


def enrolled(takes: Rows, seed: int) -> tuple[Rows, Rows]:
    """The takes (rows) that the owner gives, and the rest."""
    order = np.random.default_rng(seed).permutation(takes)
    return np.sort(order[:TAKES]), np.sort(order[TAKES:])


def settings() -> str:
    """Names what the recognisers depend on, so that none is taken up that was learned otherwise."""
    return hashlib.sha256(repr((SIMULATED, REPLAYED, COPIES, MOVING, WORLD.prior)).encode()).hexdigest()[:12]


def _kept(file: Path, make: Callable[[], Model]) -> Model:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(make().to_bytes())
    return Model.from_bytes(file.read_bytes())


def study(folder: Path, out: Path, seeds: int, console: Console, words: tuple[int, ...] = WORDS) -> None:
    """Run the study and write ``trigger.json`` and ``trigger.md`` below ``out``.

    Raises:
        Refused: RECORDING_DIFFERS.
    """
    out.mkdir(parents=True, exist_ok=True)
    began, rows = time.monotonic(), dict[str, list[Scores]]()
    recording = load(folder / NAME / f"{NAME}.npz")
    for seed in range(seeds):
        for row, found in climb(recording, words, seed, out / "trigger" / settings()):
            rows.setdefault(row, []).append(found)
            text = " ".join(f"{name} {value:.4g}" for name, value in found.items())
            console.print(f"trigger seed {seed} {row:17} {text}", highlight=False, soft_wrap=True)
            result = {"name": "trigger", "seeds": seed + 1, "seconds": time.monotonic() - began, "rows": rows}
            asked = {"words": words, "takes": TAKES, "false_accepts_allowed": FALSE_ACCEPTS}
            (out / "trigger.json").write_text(json.dumps({**result, **asked}, indent=2) + "\n")
            (out / "trigger.md").write_text(table(rows))
