"""An update as small as its change: base + delta = the new file, byte for byte. See SPEC.md."""
