"""The four services: convert, call, convert."""
