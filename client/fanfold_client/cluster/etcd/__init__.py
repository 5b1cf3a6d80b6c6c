"""etcd of an installation: its certificates, its users, and the move of an older one to TLS."""
