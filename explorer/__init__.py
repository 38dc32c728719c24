"""The app: Streamlit pages, one renderer, live components, and the tray."""
