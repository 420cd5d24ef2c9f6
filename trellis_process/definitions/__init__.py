"""Documents that describe kinds of processes: read, checked, written, drawn.

Start at ``reading``, which turns text into a definition or says everything that is wrong with it.
Nothing is imported here, because whoever evaluates an expression needs no YAML.
"""
