"""Titles and descriptions, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyrec.data.synthetic.latents import Latents


@dataclass(frozen=True)
class Theme:
    """The words of one shared factor."""

    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    scenes: tuple[str, ...]
    chinese_adjectives: tuple[str, ...]
    chinese_nouns: tuple[str, ...]
    chinese_scenes: tuple[str, ...]


def _theme(english: tuple[str, str, str], chinese: tuple[str, str, str]) -> Theme:
    adjectives, nouns, scenes = english
    return Theme(
        *(tuple(words.split(",")) for words in (adjectives, nouns, scenes)),
        *(tuple(words.split(",")) for words in chinese),
    )


THEMES = (
    _theme(("Salty,Blue,Drifting,Tidal", "Harbour,Lighthouse,Wave,Sail,Reef",
            "gulls over the pier,a boat that never turns back,waves against an old wall"),
           ("蔚蓝的,漂流的,潮湿的", "港湾,灯塔,海浪,风帆", "码头上的海鸥,不再回头的小船,拍打旧墙的浪")),
    _theme(("Mossy,Green,Whispering,Rooted", "Forest,Fern,Owl,Clearing,Brook",
            "a path between tall trees,mushrooms after the rain,an owl that knows the way"),
           ("幽静的,翠绿的,低语的", "森林,蕨草,猫头鹰,溪流", "高树间的小径,雨后的蘑菇,认得路的猫头鹰")),
    _theme(("Neon,Electric,Crowded,Restless", "City,Subway,Tower,Avenue,Taxi",
            "trains under the streets,windows that never go dark,a crowd at the crossing"),
           ("霓虹的,喧闹的,不眠的", "都市,地铁,高楼,街道", "街下的列车,彻夜不灭的窗,路口的人群")),
    _theme(("Golden,Dusty,Endless,Scorched", "Desert,Dune,Caravan,Oasis,Mirage",
            "footprints the wind erases,a well at the end of the map,camels in a row"),
           ("金色的,无垠的,炽热的", "沙漠,沙丘,驼队,绿洲", "被风抹去的脚印,地图尽头的井,成行的骆驼")),
    _theme(("Starry,Silent,Orbital,Distant", "Galaxy,Comet,Moon,Rocket,Nebula",
            "a signal from far away,the dark side of a moon,stars that count backwards"),
           ("星空的,寂静的,遥远的", "银河,彗星,月亮,火箭", "远方传来的信号,月亮的背面,倒数的群星")),
    _theme(("Spicy,Warm,Buttery,Sizzling", "Kitchen,Bakery,Recipe,Feast,Teapot",
            "bread fresh from the oven,a soup that takes all day,guests around a long table"),
           ("香辣的,温暖的,酥脆的", "厨房,面包房,食谱,茶壶", "刚出炉的面包,炖了一天的汤,长桌旁的客人")),
    _theme(("Frozen,White,Northern,Hushed", "Winter,Glacier,Sledge,Snowfall,Cabin",
            "smoke from a lonely cabin,ice that sings at night,tracks in deep snow"),
           ("冰封的,洁白的,北方的", "冬天,冰川,雪橇,木屋", "孤屋的炊烟,夜里歌唱的冰,深雪中的足迹")),
    _theme(("Wild,Dancing,Masked,Colourful", "Carnival,Drum,Parade,Mask,Fiesta",
            "drums all through the night,a mask with two faces,confetti in every street"),
           ("狂欢的,舞动的,缤纷的", "嘉年华,鼓声,游行,面具", "彻夜的鼓声,双面的面具,满街的彩纸")),
)  # fmt: skip

_STYLES = (
    ("a classic in its own right", "an experiment for the curious", "经典之作", "大胆的尝试"),
    ("made for the whole family", "made for late hours", "适合全家", "适合深夜"),
    ("short and quick", "slow and long", "短小轻快", "悠长缓慢"),
    ("funny at heart", "serious to the end", "幽默风趣", "严肃深沉"),
)
"""What the private factors of the text say, above and below zero."""


def write_texts(latents: Latents, seed: int) -> list[tuple[str, str]]:
    """Return (title, description) of each item, most words from its strongest themes."""
    generator = np.random.default_rng([seed, 3])
    return [
        _write_text(
            latents.shared[item], latents.private[item, 0], latents.chinese[item], generator
        )
        for item in range(len(latents.shared))
    ]


def _write_text(
    shared: np.ndarray[tuple[int], np.dtype[np.float64]],
    private: np.ndarray[tuple[int], np.dtype[np.float64]],
    chinese: np.bool_,
    generator: np.random.Generator,
) -> tuple[str, str]:
    weights = shared**2
    picked = [THEMES[i] for i in generator.choice(len(THEMES), size=4, p=weights / weights.sum())]
    main, second = THEMES[int(shared.argmax())], picked[0]
    styles = [
        style[(0 if value > 0 else 1) + (2 if chinese else 0)]
        for style, value in zip(_STYLES, private, strict=True)
        if abs(value) > 0.6
    ]

    def pick(words: Sequence[str]) -> str:
        return str(words[int(generator.integers(len(words)))])

    if chinese:
        title = pick(second.chinese_adjectives) + pick(main.chinese_nouns)
        scenes = "、".join(dict.fromkeys(pick(theme.chinese_scenes) for theme in picked))
        about = f"关于{pick(main.chinese_nouns)}的故事：{scenes}。"
        return title, about + (f"{'，'.join(styles)}。" if styles else "")
    nouns = dict.fromkeys([pick(main.nouns), pick(picked[1].nouns)])  # never one noun twice
    title = f"{pick(second.adjectives)} {' '.join(nouns)}"
    scenes = ", ".join(dict.fromkeys(pick(theme.scenes) for theme in picked))
    about = f"About a {pick(main.nouns).lower()}: {scenes}."
    return title, about + (f" {', '.join(styles).capitalize()}." if styles else "")
