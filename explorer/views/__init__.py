"""One file per page. (Streamlit treats a folder called `pages` specially.)"""
