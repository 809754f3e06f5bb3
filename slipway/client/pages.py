"""Lists without pages: asks for the next one only when it is wanted."""

from collections.abc import Callable, Iterator
from typing import Any

from slipway.client.convert import to_value
from slipway.transport import ask

PAGE_SIZE = 200


def every(
    method: Callable[..., Any], request: Callable[..., Any], field: str, address: str, **fixed: str
) -> Iterator[Any]:
    """Yield the plain value of each item of a List call.

    Args:
        method: the stub's call.
        request: class of its request; ``fixed`` are its other fields.
        field: name of the repeated field in the response.
    """
    token = ""
    while True:
        page = ask(method, request(page_size=PAGE_SIZE, page_token=token, **fixed), address)
        yield from map(to_value, getattr(page, field))
        token = page.next_page_token
        if not token:
            return
