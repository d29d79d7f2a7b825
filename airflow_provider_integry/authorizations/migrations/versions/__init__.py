"""The history of the provider's tables."""
