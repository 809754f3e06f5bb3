"""How services come into a gRPC server: by name only, so that a call costs the same however many methods there are."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc


class ByName:
    """A server as generated code sees it when it adds a servicer.

    Generated code also registers each method apart. For every call, ``grpc.aio`` then waits anew on a future for each
    registered method of the server: with 90 methods that takes longer than all else that Python does for the call.
    Methods that are not registered are found by their name, and share one future.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Let the handlers answer the calls whose names they know."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Do nothing: the generic handlers know these methods as well."""
