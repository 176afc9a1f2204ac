"""
The control API of the simulator, ``/_simulator/…``: plain HTTP for whoever tests, in whatever language.

``document.json`` comes first. It is the OpenAPI document that is served, the table of routes, and what every query and
body is checked against, so that none of the three can differ from the others. ``operations.py`` does what is asked,
``views.py`` says how values look in JSON, ``listing.py`` finds messages and turns pages, ``events.py`` tells what
happens, ``guards.py`` keeps web pages of others out. What the simulator itself does is no business of this package.
"""
