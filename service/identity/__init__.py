"""Who may talk to the server: certificates, the tokens that begin them, and what each role may do."""
