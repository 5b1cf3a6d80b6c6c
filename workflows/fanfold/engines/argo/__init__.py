"""Run a job's workers as the pods of an Argo Workflow. The only package that knows Hera and the Kubernetes client."""
