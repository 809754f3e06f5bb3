"""``python -m service.worker.graph_reader FOLDER``: a process that reads one graph from elsewhere, under limits.

Parsers, shape inference and runtimes are much code; a file made for it can crash them, keep them busy or make them ask
for all the memory there is. Then this process dies, and the worker that started it (``pipelines/reading.py``) lives on.
"""

import json
import os
import resource
import sys
import threading
from pathlib import Path
from typing import Any

from slipway.errors import Refused

# Names in FOLDER: what is to be read and how, and what comes of it.
FILE, ASKED, ANSWER, GRAPH, MODEL = "file", "asked.json", "answer.json", "graph", "model"
FAILED, OUT_OF_MEMORY = 1, 3  # exit codes: Python's own for an exception, and ours
WORDS_LIMIT_CHARS = 200


def main(folder: Path) -> None:
    """Read the file in ``folder`` and leave an answer there."""
    threading.Thread(target=_end_with_input, name="end with input", daemon=True).start()
    asked = json.loads((folder / ASKED).read_bytes())
    _limit(resource.RLIMIT_DATA, asked["memory_bytes"])
    _limit(resource.RLIMIT_CPU, int(asked["seconds"]) + 1)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        answer = _answer(folder, asked)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Refused as refused:
        if isinstance(refused.__cause__, MemoryError):  # what a parser said when there was no more
            os._exit(OUT_OF_MEMORY)
        details = {name: _short(text) for name, text in refused.details.items()}
        answer = {"reason": refused.reason, "field": _short(refused.field), "details": details}
    (folder / ANSWER).write_text(json.dumps(answer))


def _answer(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    from export.importing import read_graph  # here, under the limits
    from export.reading import arrays_of
    from nets.model import parameter_count
    from slipway.spec import TaskSpec

    task = TaskSpec.from_json(asked["task"])
    found = read_graph((folder / FILE).read_bytes(), task, layout=asked["layout"] or None)
    if found.model is None:
        model, count = b"", sum(array.size for array in arrays_of(found.graph).values())
    else:
        model, count = found.model.to_bytes(), parameter_count(found.model)
    (folder / GRAPH).write_bytes(found.graph)
    (folder / MODEL).write_bytes(model)
    return {"precision": found.precision, "obstacle": _short(found.obstacle), "parameter_count": count}


def _short(text: str) -> str:
    """Names in a file can be as long as it is, and hold anything; these words are kept, listed and printed."""
    return "".join(one if one.isprintable() else "?" for one in text[:WORDS_LIMIT_CHARS])


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _end_with_input() -> None:
    """The worker never writes: the input ends when the worker does."""
    while os.read(0, 4096):
        pass
    os._exit(FAILED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
