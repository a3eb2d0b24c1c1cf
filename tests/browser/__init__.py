"""Tests of the page in a Chromium."""
