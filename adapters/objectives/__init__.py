"""What pulls an adapter: one objective a file, listed in ``adapters.catalog``."""
