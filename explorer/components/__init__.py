"""Components that show pictures in the browser."""
