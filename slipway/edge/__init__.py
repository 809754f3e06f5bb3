"""The device's side: keeps a verified model running, with a server in reach or without one."""
