"""The runs of a job: another one for a job that failed or was cancelled."""
