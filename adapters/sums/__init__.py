"""Sufficient statistics: what a device may send in place of its windows, exact and mergeable in any order."""
