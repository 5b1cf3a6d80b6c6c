"""What is measured: each function is a row of the page. It runs every way of doing one piece of work and returns the
figures as JSON; `bench/__main__.py` lists them."""
