"""`pyssh add`: gives keys to an authentication agent and takes them from it, in the place of ssh-add."""
