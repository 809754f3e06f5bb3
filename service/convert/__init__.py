"""Between protobuf and the domain: what comes in is checked here, what goes out is built here."""
