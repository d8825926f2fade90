"""The rendered objects, judged by a real API server."""
