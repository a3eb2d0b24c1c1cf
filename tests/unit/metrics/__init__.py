"""Families of metrics, and their text."""
