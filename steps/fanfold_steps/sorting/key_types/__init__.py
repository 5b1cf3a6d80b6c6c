"""The bytes of a key of each type. Types other than the plain ones are imported when the first such key occurs."""
