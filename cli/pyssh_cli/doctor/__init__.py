"""`pyssh doctor`: looks at both sides of a connection and says in plain words what is wrong."""
