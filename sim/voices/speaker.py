"""espeak-ng in a process of its own: reads words from a pipe, writes waveforms to another.

espeak-ng is GPL-3, and each thing it says depends a little on what it said before; so ``sim.voices.voices`` starts this
script anew for every batch, with the standard library alone: ``python speaker.py LIBRARY DATA``.

    in   one JSON array a line: [voice, words a minute, pitch, range, text]
    out  the sample rate as int32; then for each line the number of samples as int32, -1 for an unknown voice, and
         the samples as int16; all in the machine's byte order

Reference: Dunn et al., eSpeak NG, https://github.com/espeak-ng/espeak-ng, ``speak_lib.h``.
"""

import ctypes
import json
import struct
import sys
from pathlib import Path
from typing import BinaryIO

SYNCHRONOUS = 2  # audio goes to the callback before espeak_Synth returns
DONT_EXIT = 0x8000
RATE, PITCH, RANGE = 1, 3, 4
UTF8 = 1
BUFFER_MS = 200

Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, speaking into a list."""

    def __init__(self, library: str, data: str) -> None:
        self.library = ctypes.CDLL(library)
        home = str(Path(data).parent).encode()
        self.rate_hz = self.library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, home, DONT_EXIT)
        if self.rate_hz <= 0:
            raise SystemExit(f"espeak-ng found no data at {data}")
        self.chunks: list[bytes] = []
        self._callback = Callback(self._hear)  # kept: the library holds only a pointer
        self.library.espeak_SetSynthCallback(self._callback)
        self.voice = ""

    def say(self, voice: str, speed: int, pitch: int, spread: int, text: str) -> bytes | None:
        """int16 samples of a text; None where the voice is not known."""
        if voice != self.voice:
            if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
                return None
            self.voice = voice
        for number, value in ((RATE, speed), (PITCH, pitch), (RANGE, spread)):
            self.library.espeak_SetParameter(number, value, 0)
        self.chunks.clear()
        spoken = text.encode()
        self.library.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, UTF8, None, None)
        return b"".join(self.chunks)

    def _hear(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: int | None) -> int:
        if samples and count > 0:
            self.chunks.append(ctypes.string_at(samples, 2 * count))
        return 0


def serve(espeak: Espeak, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer line after line until the pipe closes."""
    answers.write(struct.pack("=i", espeak.rate_hz))
    for line in requests:
        samples = espeak.say(*json.loads(line))
        answers.write(struct.pack("=i", -1 if samples is None else len(samples) // 2))
        answers.write(samples or b"")
    answers.flush()


if __name__ == "__main__":
    serve(Espeak(*sys.argv[1:]), sys.stdin.buffer, sys.stdout.buffer)
