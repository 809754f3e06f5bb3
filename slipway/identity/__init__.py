"""Who this device or this person is to a server: a folder with a key, a certificate and the CA that made it."""
