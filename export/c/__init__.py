"""C99 from an int8 ONNX graph: ``generate`` writes the files, ``adapter_slot`` what a small update rewrites."""

from export.c.generator import Generated as Generated
from export.c.generator import adapter_slot as adapter_slot
from export.c.generator import generate as generate
