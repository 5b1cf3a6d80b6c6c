"""Access tokens, verified offline by the public keys of the auth service."""
