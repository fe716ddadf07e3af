"""Messages are read as people mean them, by rules alone."""

import time
from dataclasses import fields
from datetime import UTC, datetime

import pytest

from benchmarks.quality import chat_filters
from benchmarks.quality.chat_sentences import NOW, VOCABULARY
from polyrec.generate.chat.parse import MAX_MESSAGE, MessageContext, ParsedMessage, RuleParser
from polyrec.generate.chat.references import Mentions
from polyrec.generate.chat.vocabulary import Vocabulary
from polyrec.generate.chat.wordings import CHINESE, ENGLISH

TITLES = {"toy story": "i1", "blade runner": "i2", "the matrix": "i3", "why": "i4"}
SHOWN = ("i7", "i8", "i9")


def parse(
    message: str, *, shown: tuple[str, ...] = SHOWN, vocabulary: Vocabulary = VOCABULARY
) -> ParsedMessage:
    context = MessageContext(vocabulary, TITLES.get, NOW, shown)
    return RuleParser().parse(message, context)


def test_filters_are_those_that_people_mean() -> None:
    for name, sentences in chat_filters.SETS.items():
        figures = chat_filters.measure(*sentences)
        assert figures["sentences"] >= (36 if "Chinese" in name else 60)
        assert figures["precision"] >= 0.95
        assert figures["recall"] >= 0.95


@pytest.mark.parametrize(
    ("message", "items", "negative"),
    [
        ('films like "Toy Story" but not Blade Runner', ("i1",), ("i2",)),
        ("something like the matrix, cheaper", ("i3",), ()),
        ("more like the second", ("i8",), ()),
        ("less like number 3, please", (), ("i9",)),
        ("like these", SHOWN, ()),
        ("more like the tenth", (), ()),
        ("I like comedies", (), ()),
    ],
)
def test_items_are_referred_to(
    message: str, items: tuple[str, ...], negative: tuple[str, ...]
) -> None:
    mentions = parse(message).mentions
    assert (mentions.items, mentions.negative) == (items, negative)


@pytest.mark.parametrize(
    ("message", "intent", "explained"),
    [
        ("why the second one?", "explain", "i8"),
        ("Why did you recommend Toy Story?", "explain", "i1"),
        ("why?", "explain", "i7"),
        ("why that", "explain", "i7"),
        ("why the tenth", "explain", "i7"),
        ("hello!", "help", ""),
        ("show me more", "more", ""),
        ("next page please", "more", ""),
        ("more comedies", "find", ""),
    ],
)
def test_intents(message: str, intent: str, explained: str) -> None:
    parsed = parse(message)
    assert (parsed.intent, parsed.explained) == (intent, explained)


def test_conditions_are_taken_back() -> None:
    assert parse("at any price").dropped == ("price",)
    assert parse("the year doesn't matter, all genres").dropped == ("category", "time")
    assert parse("start over: comedies").is_reset
    assert not parse("a comedy").dropped


def test_what_the_catalogue_has_no_values_for_is_named() -> None:
    bare = Vocabulary.of({"Comedy": 1}, {}, {})
    parsed = parse("a cheaper comedy under $20 from the 90s", vocabulary=bare)
    assert set(parsed.unknown) == {"under $20", "from the 90s", "cheaper"}
    assert [facet.value for facet in parsed.facets.wanted] == ["Comedy"]


def test_years_are_times_where_items_have_no_year() -> None:
    timed = Vocabulary.of({}, {}, {}, has_times=True)
    times = parse("from the 1990s", vocabulary=timed).times.times
    assert times is not None
    moments = [datetime.fromtimestamp(time / 1e6, UTC) for time in times]
    assert [moment.year for moment in moments] == [1990, 1999]
    assert parse("before 1990", vocabulary=timed).times.times[1] < times[0]


def test_names_of_any_language_are_known() -> None:
    shop = Vocabulary.of({"台灯": 3, "Möbel": 2}, {("farbe", "grün"): 2}, {"price": [1, 200]})
    parsed = parse("100元以下的台灯", vocabulary=shop)
    assert [facet.value for facet in parsed.facets.wanted] == ["台灯"]
    assert parsed.numbers.ranges["price"][1] == 100
    assert [f.value for f in parse("MOBEL, grün", vocabulary=shop).facets.wanted] == [
        "Möbel",
        "grün",
    ]


HOSTILE = (
    "please", "I want a comedy", "show me", "comedy please", "no", "without", "1990", "the",
    "under 20 euros", "x" * 5_000, "\u202e comedy", "ignore all filters and show me everything",
)  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_of_hostile_items_take_no_other_words(label: str) -> None:
    """Whoever describes an item can't turn common words into a filter for it."""
    message = "please, I want a comedy under 20 euros without war, show me the 1990 ones"
    labels = {("", label): 10_000}
    poisoned = Vocabulary.of({"Comedy": 5, "War": 4}, labels, {"price": [1, 9], "year": [1990]})
    clean = Vocabulary.of({"Comedy": 5, "War": 4}, {}, {"price": [1, 9], "year": [1990]})
    assert parse(message, vocabulary=poisoned) == parse(message, vocabulary=clean)


LONG = (
    "9", "1-", "like ", "no ", "(", "from 1 to ", "under ", "1 euro ", "the ", "a, ", "more ",
    "rated 4 or ", "in the 90s ", "not ", "comedy or ", "no comedy, ", '"like ', "any price ",
)  # fmt: skip


@pytest.mark.parametrize("message", ["", " ", "?!", "\0", "like", "why", "not", "under", *LONG])
def test_any_message_is_read_in_time(message: str) -> None:
    started = time.process_time()
    parse(message * (MAX_MESSAGE // max(1, len(message))))
    parse(message, shown=())
    assert time.process_time() - started < 1


STATEMENTS = [
    ("I don't like horror any more", "dislike", "Horror"),
    ("ok, i no longer enjoy horror", "dislike", "Horror"),
    ("Never show me horror again!", "dislike", "Horror"),
    ("From now on, I hate comedies", "dislike", "Comedy"),
    ("remember that I love comedies", "like", "Comedy"),
    ("add comedy to my taste", "like", "Comedy"),
    ("I like comedies again", "like", "Comedy"),
    ("forget that I like comedies", "ignore", "Comedy"),
    ("Please remove horror from my profile.", "ignore", "Horror"),
    ("forget that I don't like horror", "none", "Horror"),
    ("remember I don't like anything with zombies", "dislike", "zombies"),
]
NO_STATEMENTS = [
    "I don't like horror",  # of this conversation
    "no horror",
    "forget the price",
    "forget that",
    "I like comedies",
    "what do I like",
    "show me more like this",
    "a film that i will remember",
]


def test_what_is_stated_for_good() -> None:
    vocabulary = Vocabulary.of({"Comedy": 5, "Horror": 3}, {}, {})
    context = MessageContext(vocabulary, TITLES.get, datetime(2026, 1, 1, tzinfo=UTC))
    for message, attitude, value in STATEMENTS:
        parsed = RuleParser().parse(message, context)
        assert [(t.attitude, t.value) for t in parsed.tastes] == [(attitude, value)], message
    for message in NO_STATEMENTS:
        assert RuleParser().parse(message, context).tastes == (), message
    for message in ("undo", "Undo that.", "ok, take it back"):
        assert RuleParser().parse(message, context).intent == "undo"


def test_chinese_requests_are_those_of_english() -> None:
    vocabulary = Vocabulary.of({"喜剧": 5, "Horror": 3}, {}, {"price": [1, 2, 9]})
    for message, intent, explained in (
        ("你好！", "help", ""),
        ("还有吗？", "more", ""),
        ("换一批", "more", ""),
        ("为什么推荐第二个？", "explain", "i8"),
        ("你觉得我喜欢什么", "profile", ""),
        ("我的口味是什么？", "profile", ""),
        ("撤销", "undo", ""),
    ):
        parsed = parse(message, vocabulary=vocabulary)
        assert (parsed.intent, parsed.explained) == (intent, explained), message
    for message, attitude, value in (
        ("我不再喜欢恐怖片了", "dislike", "Horror"),
        ("以后别给我推荐喜剧", "dislike", "喜剧"),
        ("记住我喜欢喜剧", "like", "喜剧"),
        ("忘记我喜欢喜剧", "ignore", "喜剧"),
        ("忘了我不喜欢恐怖片吧", "none", "Horror"),
    ):
        tastes = parse(message, vocabulary=vocabulary).tastes
        assert [(t.attitude, t.value) for t in tastes] == [(attitude, value)], message
    assert parse("便宜一点", vocabulary=vocabulary).numbers.compared == [("price", -1)]
    assert parse("价格不限", vocabulary=vocabulary).dropped == ("price",)
    assert parse("类型不限", vocabulary=vocabulary).dropped == ("category",)
    assert parse("重新开始，要喜剧", vocabulary=vocabulary).is_reset
    assert parse("像《Toy Story》一样的喜剧", vocabulary=vocabulary).mentions.items == ("i1",)
    assert parse("类似第二个，不要像第三个", vocabulary=vocabulary).mentions == Mentions(
        ("i8",), ("i9",)
    )
    assert parse("一个关于灯塔守护人的故事", vocabulary=vocabulary).facets.text == "灯塔守护人 故事"


def test_both_languages_fill_in_the_same() -> None:
    for entry in fields(ENGLISH):
        english, chinese = getattr(ENGLISH, entry.name), getattr(CHINESE, entry.name)
        if isinstance(english, str):
            english, chinese = {"": english}, {"": chinese}
        elif isinstance(english, tuple):
            english, chinese = (dict(enumerate(forms)) for forms in (english, chinese))
        assert english.keys() == chinese.keys()
        for name, sentence in english.items():
            assert sentence.count("{}") == chinese[name].count("{}"), (entry.name, name)


@pytest.mark.parametrize(
    "part", ["不要", "除了喜剧", "最近三", "一", "价格", "第一", "我喜欢", "的", "，1"]
)
def test_a_long_chinese_message_is_read_in_time(part: str) -> None:
    start = time.process_time()
    parse((part * MAX_MESSAGE)[:MAX_MESSAGE])
    assert time.process_time() - start < 2
