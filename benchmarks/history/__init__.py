"""The questions of page and API, timed on a long history beside their plain form."""
