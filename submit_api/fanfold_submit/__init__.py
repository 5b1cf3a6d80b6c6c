"""The service that admits jobs once, remembers them, and shows how far they are and what they brought."""
