"""Write jobs: `Job`, `Stage`, `Input`, `program` and `batch`, and how they compile to a spec and a code bundle."""
