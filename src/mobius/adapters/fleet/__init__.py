"""Many hosts over ssh: the one file that runs on each of them, the line to it, and target and traffic over all."""
