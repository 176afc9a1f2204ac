"""
The web inbox: a phone on your desk, at ``/`` of the simulator.

``drawing.py`` says what a message looks like, ``conversations.py`` who wrote with whom, ``views.py`` turns both into
pages. Only those need the extra ``[simulator]``; without it the simulator works, and ``/`` says what to install.
"""
