"""``python -m service --data-folder … --address …``: run the server."""

import sys

from service.config import from_arguments
from service.server import run
from slipway.errors import Refused

if __name__ == "__main__":
    try:
        run(from_arguments())
    except Refused as refused:
        sys.exit(f"error: {refused.message}\n{refused.remedy}")
