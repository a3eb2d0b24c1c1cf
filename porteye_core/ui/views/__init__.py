"""One file a view; Streamlit runs the one that was chosen."""
