"""LiteRT (``.tflite``): ``convert`` writes a file and proves it by running it. Needs the extra ``litert``."""

from export.litert.convert import Converted as Converted
from export.litert.convert import convert as convert
from export.litert.convert import entered as entered
from export.litert.interpreter import Runner as Runner
from export.litert.tensorflow import missing as missing
