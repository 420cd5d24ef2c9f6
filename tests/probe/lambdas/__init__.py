"""Stand-ins for the deployed functions."""
