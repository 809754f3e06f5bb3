"""One node on a site that relays and keeps updates for many devices, and need not be trusted: docs/gateway.md."""
