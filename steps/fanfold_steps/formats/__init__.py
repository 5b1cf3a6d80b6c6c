"""How records are read from bytes and written to them."""
