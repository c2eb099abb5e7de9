"""`pyssh keyscan`: what to ask for, whom to ask, the asking, and the lines that come of it."""
