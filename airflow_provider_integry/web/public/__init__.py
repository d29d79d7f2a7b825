"""Routes that need no login."""
