"""What developers run: set-up of the environment and the demo. Nothing in here is installed."""
