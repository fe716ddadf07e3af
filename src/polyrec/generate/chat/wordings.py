"""The wording of replies, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from polyrec.generate.chat.chinese import is_chinese
from polyrec.generate.chat.vocabulary import fold_message
from polyrec.index.tastes import Attitude


@dataclass(frozen=True)
class ReplyWording:
    """Sentences of replies; braces are filled in."""

    # of lists
    count: tuple[str, str]  # for one item, and for several
    for_conditions: str
    for_you: str
    no_more: str
    nothing_suits: str
    nothing_left: str
    take_back: str
    unknown: str
    # of conditions
    like: str
    unlike: str
    unwanted: str
    either: str
    at_most: str
    at_least: str
    between: str
    until: str
    since: str
    from_to: str
    comma: str
    separator: str
    last: str
    # of reasons
    unknown_item: str
    history_has: str
    you_look_for: str
    no_reason: str
    reason: str
    joint: str
    # of the profile
    attitudes: Mapping[Attitude, str]
    kept: str
    not_kept: str
    undone: str
    nothing_to_undo: str
    stated: str
    empty_history: str
    knows_nothing: str
    history: tuple[str, str]
    traits: str
    no_traits: str
    mend: str
    # of the help
    help: str
    examples: str
    numbers: str
    commands: str


ENGLISH = ReplyWording(
    count=("{} item", "{} items"),
    for_conditions="{} for: {}.",
    for_you="{} for you.",
    no_more="There are no more.",
    nothing_suits="Nothing suits all of this: {}.",
    nothing_left="Nothing is left.",
    take_back=" Take something back ('any price', 'any category') or say 'start over'.",
    unknown=" The catalogue can't be filtered by: {}.",
    like="like {}",
    unlike="less like {}",
    unwanted="not {}",
    either=" or ",
    at_most="at most {}",
    at_least="at least {}",
    between="{} to {}",
    until="until {}",
    since="since {}",
    from_to="from {} to {}",
    comma=", ",
    separator="; ",
    last=" and ",
    unknown_item="I don't know which item you mean: name its title, or its number in the list.",
    history_has="your history has {}",
    you_look_for="you look for {}",
    no_reason="{}: nothing in your history leads to it; it is popular or new.",
    reason="{}: {}.",
    joint=", and ",
    attitudes={
        "like": "you like {}",
        "dislike": "you don't like {}",
        "ignore": "{} in your history does not count",
        "none": "nothing about {}",
    },
    kept="Noted: {}. Say 'undo' to take that back.",
    not_kept="I can't keep that: it needs a user, and a service whose records I may change.",
    undone="That is undone.",
    nothing_to_undo="There is nothing to undo.",
    stated=" You stated: {}.",
    empty_history="Your history is empty.",
    knows_nothing="Your history is empty, so I know nothing of your taste: lists are popular.",
    history=("Your history has {} item, lately {}.", "Your history has {} items, lately {}."),
    traits=" More often than the catalogue it has: {}.",
    no_traits=" No category or label stands out in it.",
    mend=" If that is wrong, say 'forget that I like ...' or 'I don't like ... any more'.",
    help="Describe what you look for, or say what it must be like and what it must not be.",
    examples=" For example: {}.",
    numbers=" Numbers I can compare: {}.",
    commands=" Say 'more', 'why the first', 'any price' or 'start over'.",
)

CHINESE = ReplyWording(
    count=("{} 件", "{} 件"),
    for_conditions="找到{}：{}。",
    for_you="为你推荐 {}。",
    no_more="没有更多了。",
    nothing_suits="没有符合全部条件的：{}。",
    nothing_left="没有剩下的了。",
    take_back="可以放宽条件（“价格不限”“类型不限”），或者说“重新开始”。",
    unknown="目录里没有这些条件的数据：{}。",
    like="类似《{}》",
    unlike="不像《{}》",
    unwanted="不要{}",
    either="或",
    at_most="不超过 {}",
    at_least="至少 {}",
    between="{} 到 {}",
    until="{} 以前",
    since="{} 以来",
    from_to="{} 到 {}",
    comma="、",
    separator="；",
    last="和",
    unknown_item="不知道你指的是哪一件：请说出名称，或者它在列表里的序号。",
    history_has="你的历史里有{}",
    you_look_for="你在找{}",
    no_reason="{}：你的历史里没有与它相关的内容；它是热门或新上架的。",
    reason="{}：{}。",
    joint="，而且",
    attitudes={
        "like": "你喜欢{}",
        "dislike": "你不喜欢{}",
        "ignore": "历史里的{}不再计入",
        "none": "不再记录{}",
    },
    kept="记住了：{}。说“撤销”可以收回。",
    not_kept="这里记不下来：需要一位用户，以及允许修改记录的服务。",
    undone="已撤销。",
    nothing_to_undo="没有可以撤销的。",
    stated="你说过：{}。",
    empty_history="你的历史是空的。",
    knows_nothing="你的历史是空的，所以还不了解你的喜好：列表里是热门内容。",
    history=("你的历史里有 {} 件，最近是{}。", "你的历史里有 {} 件，最近是{}。"),
    traits="比整个目录更常见的是：{}。",
    no_traits="其中没有突出的类别或标签。",
    mend="如果不对，可以说“忘记我喜欢……”或“我不再喜欢……了”。",
    help="请描述你想找什么，或者说出要什么、不要什么。",
    examples="例如：{}。",
    numbers="可以比较的数字：{}。",
    commands="也可以说“更多”“为什么推荐第一个”“价格不限”“重新开始”。",
)


def wording_for(message: str) -> ReplyWording:
    """Return the wording in the language of a message: Chinese, else English."""
    return CHINESE if is_chinese(fold_message(message[:200])) else ENGLISH
