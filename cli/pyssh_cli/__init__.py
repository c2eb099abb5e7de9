"""The commands: the one layer that knows terminals, accounts and policy."""
