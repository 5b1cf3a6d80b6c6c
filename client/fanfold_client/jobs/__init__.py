"""Jobs in the service, from their code on this machine to their results: submitting, following, reading."""
