"""The user's code: how it is loaded from the bundle, given its context, and called."""
