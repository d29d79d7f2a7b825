"""Acme: a small made-up software service on loopback, whose doors are kept by code that is not ours.

Authlib checks OAuth 1.0a signatures and is the OAuth 2.0 server; werkzeug reads Basic headers.
"""
