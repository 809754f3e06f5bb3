"""A repository behind plain HTTP, as any web server or object store offers it: GET, with ranges where it knows them."""

from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused, ServerUnreachable
from slipway.trust.source import NotThere

READ_BYTES = 64 << 10
TIMEOUT_S = 20.0  # without a byte
MISSING = (403, 404)  # object stores answer 403 for what is not there


class HttpSource:
    """A ``Source`` at a URL.

    Args:
        url: what names are appended to: "https://models.example.org/updates".
        timeout_s: how long to wait for the next bytes.

    Raises:
        Refused: FIELD_INVALID, a URL that is not HTTP.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        if not url.startswith(("https://", "http://")):
            words = {"problem": "not an HTTP address", "found": repr(url), "remedy": "Give https://…"}
            raise Refused(Reason.FIELD_INVALID, field="url", **words)
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._opener = build_opener(_NoRedirects)

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As ``Source.read``."""
        request = Request(f"{self._url}/{quote(name)}", headers={"Accept-Encoding": "identity"})
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                left = _to_skip(response, offset)
                while data := response.read(READ_BYTES):
                    yield data[left:]
                    left = max(0, left - len(data))
        except HTTPError as error:
            raise _answer(error, name) from error
        except (OSError, HTTPException) as error:
            raise ServerUnreachable(self._url, str(error) or type(error).__name__) from error


class _NoRedirects(HTTPRedirectHandler):
    """A redirect could lead into the device's own network."""

    def redirect_request(self, *_: object) -> None:
        return None


def _to_skip(response: HTTPResponse, offset: int) -> int:
    """Bytes to drop where the server sends the file from its beginning."""
    if response.status == 200:
        return offset
    found = response.headers.get("Content-Range", "")
    if response.status != 206 or not found.startswith(f"bytes {offset}-"):
        problem = f"bytes from {offset} on were asked for, {found or response.status} came"
        raise Refused(Reason.DOWNLOAD_INVALID, field="download", problem=problem)
    return 0


def _answer(error: HTTPError, name: str) -> Exception:
    error.close()
    if error.code in MISSING:
        return NotThere(name)
    if error.code >= 500 or error.code == 429:
        return ServerUnreachable(name, f"HTTP {error.code}")
    return ServerRefused(f"HTTP {error.code}", "", f"The server answered {error.code} for {name}.")
