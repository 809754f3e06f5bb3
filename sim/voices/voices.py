"""What is said, by which voice and how fast → waveforms, spoken by espeak-ng in a process of its own."""

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from slipway.errors import Reason, Refused

SPEAKER = Path(__file__).with_name("speaker.py")
RATE_HZ = 22_050  # at which espeak-ng speaks
COUNT = struct.Struct("=i")
TIMEOUT_SECONDS = 300.0  # for one batch
SILENCE = 0.02  # of an utterance's peak: quieter than this, its ends are cut off

Wave = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Utterance:
    """One thing to say.

    Args:
        voice: of espeak-ng, a language and perhaps a variant: ``"en-us+m3"``.
        text: in that language's spelling.
        rate_wpm: words a minute, 80 to 450; 175 is its normal speed.
        pitch: 0 to 100, 50 is the voice's own.
        spread: how far the pitch moves, 0 (monotone) to 100; 50 is the voice's own.
    """

    voice: str
    text: str
    rate_wpm: int = 175
    pitch: int = 50
    spread: int = 50


def say(utterances: Sequence[Utterance]) -> list[Wave]:
    """Speak a batch; the same batch gives the same samples.

    An utterance also depends a little on those before it in its batch, as a speaker's does.

    Returns:
        One int16 waveform an utterance, at ``RATE_HZ``, without the silence at its ends.

    Raises:
        Refused: FIELD_INVALID: espeak-ng is not installed, does not know a voice, or gave no answer.
    """
    asked = "".join(json.dumps([u.voice, u.rate_wpm, u.pitch, u.spread, u.text]) + "\n" for u in utterances)
    command = [sys.executable, "-I", "-S", str(SPEAKER), *_library()]
    try:
        done = subprocess.run(command, input=asked.encode(), capture_output=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise _refused("voices", "espeak-ng did not answer", f"nothing in {TIMEOUT_SECONDS:g} s", "Say less.") from late
    waves = _read(done.stdout, utterances)
    if len(waves) != len(utterances):
        found = f"{len(waves)} of {len(utterances)} utterances; {done.stderr.decode(errors='replace').strip()[-100:]}"
        raise _refused("voices", "espeak-ng stopped", found, "Install espeakng-loader again: pip install -U it.")
    return [trimmed(wave) for wave in waves]


def trimmed(wave: Wave) -> Wave:
    """A waveform without the silence at its ends."""
    loud = np.flatnonzero(np.abs(wave.astype(np.int32)) > SILENCE * np.abs(wave.astype(np.int32)).max(initial=0))
    return wave[loud[0] : loud[-1] + 1] if len(loud) else wave[:0]


def _read(answer: bytes, utterances: Sequence[Utterance]) -> list[Wave]:
    """The waveforms of an answer, as many as are whole."""
    place, waves = COUNT.size, []
    for utterance in utterances:
        if len(answer) < place + COUNT.size:
            break
        (count,) = COUNT.unpack_from(answer, place)
        if count < 0:
            remedy = "Use a language of espeak-ng, then +variant."
            raise _refused("voice", "is not known to espeak-ng", repr(utterance.voice), remedy)
        place += COUNT.size
        wave = np.frombuffer(answer[place : place + 2 * count], np.int16)
        if len(wave) < count:
            break
        waves.append(wave)
        place += 2 * count
    return waves


def _library() -> tuple[str, str]:
    """Paths of espeak-ng's library and data."""
    try:
        import espeakng_loader  # only its paths: the library itself is loaded by ``speaker.py``
    except ImportError as missing:
        remedy = "Install the extra voices: pip install slipway-server[voices]."
        raise _refused("voices", "synthetic voices need espeak-ng", "no package espeakng-loader", remedy) from missing
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()


def _refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
