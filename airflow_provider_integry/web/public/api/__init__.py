"""The API of host applications: their servers, and the script in their pages."""
