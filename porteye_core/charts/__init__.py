"""Pure: DataFrames to Plotly figures. Nothing here knows of a page or a database.

Times come without a zone, as the reader's clock shows them: Plotly draws what it is given.
"""
