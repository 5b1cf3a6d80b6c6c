"""Install Fanfold on Kubernetes: what `fanfold deploy` and `fanfold undeploy` do."""
