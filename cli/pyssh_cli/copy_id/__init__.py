"""`pyssh copy-id`: which keys, which of them are there already, and putting the others there."""
