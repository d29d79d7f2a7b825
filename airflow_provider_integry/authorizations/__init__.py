"""Who has authorized what, and keeping it fresh."""
