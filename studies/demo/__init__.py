"""The whole story in one command: from a simulated robot to an edge node that runs offline."""
