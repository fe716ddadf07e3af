"""A synthetic world with a known truth: raw files and behaviour for the demo, tests and docs.

settings.py   how large, how noisy, how damaged
latents.py    what items are and users like
behaviour.py  who does what, when, and which modality drove it
words.py      titles and descriptions, English and Chinese
picture.py    cover images
sound.py      sound clips
film.py       video clips, sound and picture struck at the same moments
world.py      writes it all, damages some of it, keeps the truth beside it
"""

from polyrec.data.synthetic.settings import Studio
from polyrec.data.synthetic.world import make_world

__all__ = ["Studio", "make_world"]
