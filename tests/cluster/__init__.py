"""A one-node Kubernetes with Argo Workflows for the tests, built from package registries alone."""
