"""What is wrong with a device's sensor: its fault as a dozen numbers, estimated without labels, and in plain words."""
