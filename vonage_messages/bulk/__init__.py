"""
A file becomes a campaign: rows, a template, those who must not be written to, and the hours in which nobody is.

``rows`` reads the file, ``template`` says what a row is to become, ``composing`` makes messages of both;
``suppression`` knows who opted out, ``quiet_hours`` when somebody sleeps. Nothing in these modules sends or waits.
"""
