"""What runs on a host of a fleet: sent there as one file, standard library only, Python 3.8 or newer.

It is told over a line what the host shall run (`verbs`), keeps that in one checksummed file with the highest fencing
token that was ever seen (`state`), and a keeper of its own (`keeper`) makes it so and keeps it so, also while nobody
is connected. Nothing here imports anything else of mobius.
"""
