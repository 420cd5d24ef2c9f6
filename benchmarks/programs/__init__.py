"""Programs that a fresh interpreter runs, so that nothing else is loaded."""
