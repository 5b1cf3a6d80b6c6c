"""Where records go: to parts, to runs between two stages, to named outputs, to quarantine; and `finish`."""
