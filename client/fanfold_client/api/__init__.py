"""The typed HTTP client: requests, responses, problems and logins."""
