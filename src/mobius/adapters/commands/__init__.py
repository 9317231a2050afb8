"""The service's own commands: to deploy it, to take it back, to start and stop it, to ask what is live."""
