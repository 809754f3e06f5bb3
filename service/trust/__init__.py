"""Signed updates as they are made: roles, keys and files of a repository after The Update Framework."""
