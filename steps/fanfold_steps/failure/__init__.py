"""Why a job can't go on, in a form that reaches the user."""
