"""Speed as ratios measured in one run. ``make bench`` runs every file here and writes ``out/bench/<file>.json``."""
