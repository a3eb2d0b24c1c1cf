"""Plotly figures from DataFrames; pure: no page and no database.

Plotly knows no time zones, so times are passed to it as the viewer's clock shows them.
"""
