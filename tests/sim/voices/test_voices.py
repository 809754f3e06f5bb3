"""espeak-ng says what it is asked to, the same each time, and whatever goes wrong is told."""

import builtins
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.voices import voices, words
from sim.voices.resampling import resample
from sim.voices.voices import RATE_HZ, Utterance, say, trimmed
from slipway.errors import Reason, Refused

BATCH = [Utterance(words.voice("en-us", variant), text) for variant in ("", "m3", "klatt4") for text in words.ENGLISH]


def test_the_same_batch_gives_the_same_samples() -> None:
    one, two = say(BATCH), say(BATCH)
    assert len(one) == len(BATCH) and all(wave.dtype == np.int16 for wave in one)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_every_accent_and_variant_is_spoken() -> None:
    accents = [Utterance(words.voice(accent, ""), words.spelled(accent, 7)) for accent in words.ACCENTS]
    variants = [Utterance(words.voice("en-us", variant), "seven") for variant in words.VARIANTS]
    waves = say(accents + variants)
    seconds = np.array([len(wave) for wave in waves]) / RATE_HZ
    assert np.all((seconds > 0.15) & (seconds < 1.2)) and min(np.abs(wave).max() for wave in waves) > 1000
    assert len({wave.tobytes() for wave in waves}) == len(waves)  # no variant is silently the plain voice


def test_every_accent_spells_ten_digits_and_no_two_alike() -> None:
    for accent in words.ACCENTS:
        assert len({words.spelled(accent, digit) for digit in range(10)}) == 10


def test_prosody_moves_length_and_pitch() -> None:
    slow, normal, high = say(
        [Utterance("en-us", "nine", rate_wpm=100), Utterance("en-us", "nine"), Utterance("en-us", "nine", pitch=99)]
    )
    assert len(slow) > 1.3 * len(normal)
    assert _pitch_hz(high) > 1.2 * _pitch_hz(normal)


def _pitch_hz(wave: np.ndarray) -> float:
    """Of the middle of a word: the first strong peak of its autocorrelation."""
    part = wave[len(wave) // 4 : len(wave) // 2].astype(float)
    found = np.correlate(part, part, "full")[len(part) - 1 :]
    shortest, longest = RATE_HZ // 250, RATE_HZ // 60
    strong = np.flatnonzero(found[shortest:longest] > 0.9 * found[shortest:longest].max())[0] + shortest
    return RATE_HZ / (strong + int(found[strong : strong + 20].argmax()))


def test_silence_at_the_ends_is_cut_off() -> None:
    wave = np.concatenate([np.zeros(50), [1000, 0, -900], np.full(40, 3)]).astype(np.int16)
    assert trimmed(wave).tolist() == [1000, 0, -900]
    assert len(trimmed(np.zeros(9, np.int16))) == 0


def test_the_loudest_negative_sample_counts_too() -> None:
    assert trimmed(np.array([0, -32768, 0], np.int16)).tolist() == [-32768]


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(Refused, match="atlantis") as found:
        say([Utterance("en-us", "one"), Utterance("atlantis", "one")])
    assert found.value.reason is Reason.FIELD_INVALID


def test_nothing_to_say_is_said() -> None:
    assert say([]) == []


def test_without_espeak_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: object, **options: object) -> object:
        if name == "espeakng_loader":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.delitem(sys.modules, "espeakng_loader", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(Refused, match=r"slipway-server\[voices\]"):
        say(BATCH[:1])


def test_a_speaker_that_dies_is_told_apart_from_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "speaker.py"
    broken.write_text("import sys; sys.exit('no tongue')")
    monkeypatch.setattr(voices, "SPEAKER", broken)
    with pytest.raises(Refused, match="no tongue"):
        say(BATCH[:1])


@pytest.mark.parametrize("hz", [100.0, 1000.0, 3000.0])
def test_resampling_keeps_tones_below_the_band(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(4000) / RATE_HZ).astype(np.float32)
    places = (500 + np.arange(800) * RATE_HZ / 8000).astype(np.float32)
    wanted = np.sin(2 * np.pi * hz * places / RATE_HZ)
    found = np.asarray(resample(tone, places, 8000 / RATE_HZ))
    assert np.abs(found - wanted).max() < (0.02 if hz < 2000 else 0.2)


def test_resampling_stops_tones_above_the_band() -> None:
    tone = np.sin(2 * np.pi * 7000 * np.arange(4000) / RATE_HZ).astype(np.float32)
    places = (500 + np.arange(800) * RATE_HZ / 8000).astype(np.float32)
    assert np.abs(np.asarray(resample(tone, places, 8000 / RATE_HZ))).max() < 0.05
