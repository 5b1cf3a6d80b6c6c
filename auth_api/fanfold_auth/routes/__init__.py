"""The HTTP routes, one router a noun; what they do lies in the modules above."""
