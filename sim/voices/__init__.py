"""Synthetic voices: words said by espeak-ng, in many voices and accents, as waveforms."""
