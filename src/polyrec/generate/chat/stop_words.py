"""English words that say nothing about an item, and words that make what follows unwanted."""

import re

STOP_WORDS = frozenset(
    re.findall(
        r"\S+",
        """a about actually again all also always am an and another any anything are around as ask
        at be because been best better bit both bring but by bye can could day did do does doing
        else enjoy ever every everything fan feel few find for from get give go good got great had
        has have having hello help her here hey hi him his how i i'd i'll i'm i've idea if in
        instead into is it it's item its just keep kind know let like list look looking lot love
        made make many may maybe me mean might mine mood more most much must my need new next nice
        now of ok okay on one only or other our out over own perhaps please pick pls prefer
        preferably product rather really recommend recommendation right search see select set
        should show so some somebody someone something sort stuff such suggest suggestion sure
        take tell than thank thanks that that's the their them then there these they thing think
        this those thought time to today tonight too try up us very want wanna was watch way we
        well were what what's when where which while who will wish with wonder would yes yet you
        your film movie title choice option s t x category genre type price cost year rating
        surprise which's interesting cool lovely 的 了 我 想 要 请""",
    )
)
NEGATORS = frozenset(
    re.findall(
        r"\S+",
        """no not without except excluding exclude avoid minus don't dont doesn't isn't aren't
        never hate dislike skip non neither nor nothing""",
    )
)
LIST_ENDS = frozenset(
    re.findall(r"\S+", ". ; : ! ? | with only just instead please rather want prefer but")
)
"""What ends a list of unwanted things."""
