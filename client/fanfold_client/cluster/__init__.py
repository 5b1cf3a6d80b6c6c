"""Installing on Kubernetes: what `fanfold deploy` is made of."""
