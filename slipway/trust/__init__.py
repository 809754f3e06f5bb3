"""Signed updates as a device sees them: The Update Framework over whatever line there is."""
