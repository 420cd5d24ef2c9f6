"""The command line ``trellis``: a thin edge over the local cloud and the step API."""
