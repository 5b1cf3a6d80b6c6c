"""What is started to measure the services: `fanfold up` over workers that do nothing, and empty routes beside it."""
