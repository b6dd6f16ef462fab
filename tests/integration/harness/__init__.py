"""Starts the real programs, speaks to them byte by byte, and leaves nothing behind."""
