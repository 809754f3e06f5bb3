"""The words that are said, and how other tongues spell their sounds.

espeak-ng reads a text by its language's own rules, so an English word respelled for another language comes out with
that language's sounds: a foreign accent. The English voices read the English spelling, or a loose one that moves a
sound or two as many speakers do.
"""

ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LOOSE = ("zirro", "wun", "tew", "tree", "fore", "five", "seeks", "seven", "ate", "nine")
_TABLE = {
    "de": "siero wann tu srie foor faif six säwen äit nain",
    "nl": "ziro wan toe srie foor faif siks seven eejt nain",
    "fr-be": "ziro ouane tou sri fore faïve sixe sèveune eïte naïne",
    "el": "ζίροου ουάν του θρι φορ φάιβ σιξ σέβεν έιτ νάιν",
    "it": "siro uan tu tri for faiv six seven eit nain",
    "pl": "ziro łan tu sri for fajw syks sewen ejt najn",
    "es": "siro uan tu sri for faiv six seven eit nain",
}

# A language of espeak-ng for each accent; English ones come first.
ACCENTS = (
    "en-us",
    "en-us-nyc",
    "en",
    "en-gb-x-rp",
    "en-gb-scotland",
    "en-029",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    *_TABLE,
)

# Speakers of espeak-ng: formants, voicing, breath; "" is its plain voice, klatt ones have another source of voice.
# Left out are those whose samples change from run to run: f2, f3, f5, sandro, victor.
VARIANTS = (
    *("", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f4", "klatt", "klatt2", "klatt3"),
    *("klatt4", "klatt5", "klatt6", "Reed", "Mike", "Michael", "adam", "max", "michel", "iven", "iven2", "john"),
    *("norbert", "paul", "pedro", "quincy", "rob", "robert", "steph", "travis", "antonio", "benjamin"),
    *("david", "Andy", "Denis", "Marco", "Alex", "edward", "gustave", "pablo", "marcelo", "miguel"),
    *("Diogo", "ed"),
)  # fmt: skip


def spelled(accent: str, digit: int, loose: bool = False) -> str:
    """The digit in the spelling that ``accent`` reads."""
    if accent in _TABLE:
        return _TABLE[accent].split()[digit]
    return (_LOOSE if loose else ENGLISH)[digit]


def voice(accent: str, variant: str) -> str:
    """espeak-ng's name of a voice."""
    return f"{accent}+{variant}" if variant else accent
