"""Receivers of messages: what each kind is, and the way to it.

The modules that send load HTTP, TLS and mail, and so only when a receiver needs them.
"""
