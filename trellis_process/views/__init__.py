"""Read models: what events tell, kept so that it can be listed, looked up and counted.

``projection.py`` says what an event changes; start reading there. ``store.py`` is the seam to where
views are kept, ``feeder.py`` brings the two together, ``adoption.py`` takes over a process from the
table where its events are gone. ``docs/read-models.md`` has the whole picture.
"""
