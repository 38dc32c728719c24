"""One file a page. The folder is not called pages: Streamlit would take it for its own."""
