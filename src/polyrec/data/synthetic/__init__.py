"""The studio data set: generated media files and interactions with known ground truth.

settings.py   size, noise, damage
latents.py    what items are and what users like
events.py     who does what, when, and which modality drove it
text.py       titles and descriptions, English and Chinese
image.py      cover images
audio.py      sound clips
video.py      video clips, sound and picture struck at the same moments
generate.py   writes all files, damages some, saves the ground truth beside them
"""

from polyrec.data.synthetic.generate import generate_studio
from polyrec.data.synthetic.settings import StudioSettings

__all__ = ["StudioSettings", "generate_studio"]
