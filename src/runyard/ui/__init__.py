"""The Streamlit side of pages: forms from models, charts with their tables, errors as sentences."""
