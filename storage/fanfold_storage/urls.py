"""Open a store by its URL; the backend's module is loaded only here, only when asked for."""
