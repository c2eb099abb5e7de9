"""Shell completion: the scripts for bash, zsh and fish, and the words that they ask for."""
