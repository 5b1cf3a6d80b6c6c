"""The pages that people see: plain HTML and one style sheet, without any script."""
