"""A soak: the deployed stack under a steady load, while its parts are stopped and started again.

Start reading at ``__main__.py``; ``verdict.py`` says what has to hold in the end.
"""
