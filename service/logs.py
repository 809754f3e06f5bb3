"""Logs go to the standard error, one line an event, times in UTC."""

import logging
import time


def write_logs(level: int = logging.INFO) -> None:
    """Begin to write the logs of this process."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])  # libraries speak up when something is wrong
    logging.getLogger("service").setLevel(level)
