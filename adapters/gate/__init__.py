"""The decision to promote an adapted model or to keep the base, and all that speaks for either."""
