"""What a person sees: Streamlit pages, one renderer, one component, and the tray."""
