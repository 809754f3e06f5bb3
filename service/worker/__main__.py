"""``python -m service.worker NAME``: one worker process, set up by the environment (see ``service.config``).

It ends when its standard input does, so it never outlives the server that started it, however that one died.
"""

import os
import sys
import threading
from pathlib import Path

from service.blobs import open_blobs
from service.catalogue import worlds
from service.catalogue.engine import Catalogue, database_url
from service.config import from_environment
from service.logs import write_logs
from service.worker.loop import Workplace, work


def main(name: str) -> None:
    """Work until the standard input ends."""
    threading.Thread(target=_end_with_input, name="end with input", daemon=True).start()
    write_logs()
    config = from_environment()
    from nets.compilation import enable_compilation_cache  # takes seconds: imports JAX
    from service.worker.pipelines import PIPELINES
    from service.worker.pipelines.worlds import describe, own_worlds
    from sim.catalog import WORLDS

    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR") or config.data_folder.absolute() / "cache" / "jax"
    enable_compilation_cache(Path(folder))
    catalogue = Catalogue(database_url(config.database_url, config.data_folder))
    own = own_worlds(config.worlds)
    catalogue.write(worlds.replace, [describe(world) for world in {**WORLDS, **own}.values()])
    work(Workplace(catalogue, open_blobs(config.blob_url, config.data_folder), config, PIPELINES, name, own))


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
