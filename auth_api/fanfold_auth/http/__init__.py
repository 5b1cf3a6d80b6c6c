"""What the routes share: who calls, the forms of OAuth, the types of body fields, and refusals as problems."""
