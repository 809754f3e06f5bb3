"""What the server remembers: tables, queries as functions of a connection, and the engine that runs them."""
