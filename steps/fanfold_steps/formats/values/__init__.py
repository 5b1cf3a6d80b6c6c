"""The values of records: the plain ones that stand for others, their kinds, and how a kind is seen and joined."""
