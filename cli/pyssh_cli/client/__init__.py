"""The client's side of the commands: whom to trust, how to log in, the terminal, sessions, forwards."""
