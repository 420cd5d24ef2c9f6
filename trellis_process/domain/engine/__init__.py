"""The engine: drives a process from step to step as its definition says, and calls nothing."""
