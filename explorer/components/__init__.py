"""Live components: each a Python file with JavaScript and CSS."""
