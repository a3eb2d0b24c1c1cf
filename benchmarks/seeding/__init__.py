"""A history as a developer's machine would have left it, written without having to live it."""
