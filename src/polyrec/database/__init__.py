"""What lasts in SQL, and the files it refers to.

database.py      connections, transactions, inserts
tables.py        the tables
writer.py        one thread that commits many operations together
records.py       users and items
feedback.py      feedback
change_log.py    what changed, in order: how workers follow each other
item_media.py    uploaded content of items, and its features
blobs.py         the files of uploaded content
keys.py          API keys
leader_lock.py   one worker of many does the background work
"""
