"""Fanfold on Kubernetes: what `fanfold deploy`, `fanfold undeploy` and `fanfold login --forward` do."""
