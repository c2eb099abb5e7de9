"""`pyssh agent`: an authentication agent in the place of ssh-agent."""
