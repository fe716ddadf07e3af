"""Chinese messages: their conditions and requests in the words that the rules read.

What names items (categories, labels, titles, words to search for) stays as it is; around it, "20元以下"
becomes "20 yuan or less" and "不要" becomes "without". So one set of rules serves both languages.
"""

from __future__ import annotations

import re

from polyrec.generate.chat.stop_words import NEGATORS, STOP_WORDS

_IDEOGRAPH, _KANA = re.compile(r"[\u3400-\u9fff]"), re.compile(r"[\u3040-\u30ff]")
_DIGITS = {character: digit for digit, character in enumerate("零一二三四五六七八九")} | {"两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}
_N = r"(\d+(?:[.,]\d+)*)"
_SPAN = r"\s*(?:到|至|-|~|—)\s*"
_PERIOD = r"年|个?月|个?星期|个?礼拜|周|天|日"
_PERIODS = {"年": "years", "月": "months", "星期": "weeks", "礼拜": "weeks", "周": "weeks",
            "天": "days", "日": "days"}  # fmt: skip
_ANY = r"(?:都可以|都行|都好|不限|无所谓|随便|不重要|没关系|没有要求)"
_ADDED = r"(?:刚刚?|新)?(?:添加|上架|上新|新增|加入|到货|新到|发布|出)"
_KIND = r"(?:类型|类别|种类|分类|题材)"
_YEAR = r"((?:1[89]|20)\d\d)"
_LIKES = r"(?:喜欢|爱看|爱听)"
_DISLIKES = r"(?:不喜欢|不爱看|不爱听|讨厌|不想看)"

# requests that are all of a message
_REQUESTS = (
    (r"(?:你好|您好|嗨|哈喽|帮助|谢谢|多谢|再见)(?:你|您)?", "hello"),
    (r"(?:你能做什么|怎么用|怎么使用)", "help"),
    (r"(?:给我|再|还要|请)?(?:来|看|要|给我|推荐)?(?:更多|多一些|一些别的)|还有(?:吗|别的吗|呢|其他的?吗)?"
     r"|(?:再来|换|再换|再给我)(?:一些|一批|几个|几部)|下一页|继续|别的|其他的?", "more"),
    (r"(?:你|您)?(?:觉得|认为|知道|猜)?我(?:会|都)?喜欢(?:些|看)?什么(?:样的|类型)?"
     r"|我的(?:口味|喜好|偏好|画像|资料)(?:是什么)?", "what do i like"),
    (r"(?:撤销|撤回|取消刚才的|收回)(?:刚才的|上一步|它)?", "undo"),
    (r"为什么(?:推荐|选|是)?(?:给我)?(.*)", r"why \1"),
    (rf"(?:请)?(?:忘记|忘了|别管)我{_DISLIKES}(.+)", r"forget that i don't like \1"),
    (rf"(?:请)?(?:忘记|忘了|别管)我{_LIKES}(?:过)?(.+)", r"forget that i like \1"),
    (rf"(?:请)?(?:记住|以后)[,:]?我{_DISLIKES}(.+?)了?", r"remember that i don't like \1"),
    (rf"(?:请)?(?:记住|以后)[,:]?我{_LIKES}(.+?)了?", r"remember that i like \1"),
    (rf"我(?:再也|已经|现在)*(?:不再{_LIKES}|{_DISLIKES})(.+?)了", r"i no longer like \1"),
    (r"(?:以后|永远)?(?:别再|不要再|别|不要)(?:给我)?推荐(.+?)了", r"never recommend \1"),
    (r"以后(?:都|请)?(?:别|不要)(?:再)?(?:给我)?(?:推荐|看到|出现)(.+?)", r"never recommend \1"),
)  # fmt: skip

# parts of a message, in this order
_PARTS = (
    (r"[《「『](.+?)[》」』]", r' "\1" '),
    (r"重新开始|从头(?:开始|来)|清空|全部忘(?:记|掉)|重来", " start over ; "),
    (rf"(?:价格|价钱|预算){_ANY}|(?:不限|任何|任意)(?:价格|预算)", " any price "),
    (rf"(?:什么)?{_KIND}{_ANY}|(?:不限|任何|任意){_KIND}", " any category "),
    (rf"(?:年份|年代|时间){_ANY}|(?:不限|任何|任意)(?:年份|年代|时间)", " any year "),
    (rf"(?:评分|星级){_ANY}|(?:不限|任何|任意)(?:评分|星级)", " any rating "),
    # items
    (r"第(\d+)(?:个|部|本|件|款|首|条)?", r" number \1 "),
    (r"最后一?(?:个|部|本|件|款|首|条)", " the last "),
    (r"(?:不要|别)(?:再)?(?:像|类似)(?:于)?", " unlike "),
    (r"(?:像|类似于?|和|跟|与)\s*(\"[^\"]+\"|number \d+|the last|这个|这些|它们?)\s*"
     r"(?:一样|那样|类似|差不多|相似)?", r" like \1 "),
    (r"这些|它们", " these "), (r"这(?:个|部|本|件|款|首)|它", " this "),
    # numbers
    (r"(\d+)个半小时", r" \1.5 hours "), (r"半个?小时", " 30 minutes "),
    (r"(\d+(?:\.\d+)?)个?(?:小时|钟头)", r" \1 hours "), (r"(\d+)\s*分钟", r" \1 minutes "),
    (rf"{_N}\s*欧元?", r"\1 euros "), (rf"{_N}\s*(?:美元|美金|刀)", r"\1 dollars "),
    (rf"{_N}\s*(?:块钱|块|元钱?|人民币|圆)", r"\1 yuan "),
    (rf"{_N}\s*(?:颗?星|分)(?!钟)", r"\1 stars "),
    # times
    (r"(?:上个?世纪|20世纪|二十世纪)", ""),
    (rf"(\d\d|20\d0|19\d0)年代{_SPAN}(\d\d|20\d0|19\d0)年代", r" from the \1s to the \2s "),
    (r"(?:在)?(\d\d|20\d0|19\d0)年代(?:初期?|末期?|中期|早期|前期|后期)?(?:以后|之后|以来|至今|到现在|后(?!期)|起)", r" since the \1s "),
    (r"(\d\d|20\d0|19\d0)年代(?:以前|之前|前(?!期))", r" before the \1s "),
    (r"(\d\d|20\d0|19\d0)年代(?:初期?|末期?|中期|早期|前期|后期)?", r" from the \1s "),
    (rf"{_YEAR}年?{_SPAN}{_YEAR}年(?:之?间)?", r" between \1 and \2 "),
    (rf"不早于{_YEAR}年?", r" since \1 "), (rf"不晚于{_YEAR}年?", r" until \1 "),
    (rf"晚于{_YEAR}年?", r" after \1 "), (rf"早于{_YEAR}年?", r" before \1 "),
    (rf"{_YEAR}年?(?:以后|之后|以来|至今|到现在|后(?!期)|起)", r" since \1 "),
    (rf"{_YEAR}年?(?:以前|之前|前(?!期))", r" before \1 "),
    (rf"{_YEAR}年", r" from \1 "),
    (r"去年", " last year "), (r"今年", " this year "),
    (r"上个?月", " last month "), (r"(?:这个|本)月", " this month "),
    (r"上个?(?:周|星期|礼拜)", " last week "), (r"(?:这个?|本)(?:周|星期|礼拜)", " this week "),
    (r"(?:刚刚?|已经|昨天|前天|今天)?(?:看|听|买|读)(?:了|过)[^,。;]*[,。;]", " "),
    (rf"今天(?={_ADDED})", " today "), (rf"昨天(?={_ADDED})", " yesterday "), (r"今天|今晚", " "),
    (rf"(?:最近|近|过去|这)(\d+|几)({_PERIOD})(?:内|以内|之内|里)?", "latest"),
    (rf"(\d+)({_PERIOD})(?:内|以内|之内)", "latest"),
    (r"(?:最近|新近|刚刚?|新)(?:添加|上架|上新|新增|加入)|新到|新品", " recently added "),
    (r"((?:last|this) \S+(?: years| months| weeks| days)?|today|yesterday) +recently added", r" \1 "),
    # bounds and keys
    (rf"{_N}( yuan| euros| dollars)?{_SPAN}{_N}(?:\s*之间)?", r" between \1 and \3 "),
    (r"之间", " "),
    (r"(?:价格|价钱|售价|价位)(?:在|是|为|要)?", " price "), (r"预算(?:在|是|为|只有)?", " budget "),
    (r"(?:评分|得分|打分|星级|评价)(?:在|是|为|要)?", " rating "),
    (r"(?:片长|时长|长度)(?:在|是|为|要)?", " runtime "),
    (r"(?:不(?:要|能|得)?|别)(?:低于|少于|小于)", " at least "),
    (r"(?:不(?:要|能|得)?|别)(?:超过|高于|多于|大于)|最多|至多|顶多|(?:低于|少于|小于)(?:等于)?|不到|最高|最长", " at most "),
    (r"至少|最少|起码|(?:高于|多于|大于)(?:等于)?|超过|最低", " at least "),
    (r"以下|以内|之内|之下|封顶", " or less "), (r"以上|之上|起步|起(?=\s|$|,|的)", " or more "),
    (r"budget ([\d.,]+(?: yuan| euros| dollars)?) +or less", r" at most \1 "),
    (rf"(?:大约|大概|约)\s*{_N}|{_N}( yuan| euros| dollars| minutes)?\s*(?:左右|上下)", "about"),
    (r"(?:更|再)?便宜(?:一?点|一?些)|更便宜(?:的)?", " cheaper "),
    (r"(?:不要|别|不)(?:太|很|那么)?贵(?:的)?", " not expensive "),
    (r"(?:更|再)贵(?:的)?|贵(?:一?点|一?些)", " more expensive "),
    (r"便宜|实惠|平价|廉价", " cheap "), (r"昂贵|很贵|比较贵|贵的", " expensive "),
    (r"更新(?:的|一?点|一?些)|新(?:一点|一些)", " newer "),
    (r"更(?:老|旧|早)(?:的|一?点|一?些)?|(?:老|旧)(?:一点|一些)", " older "),
    (r"更短|短(?:一?点|一?些)", " shorter "), (r"更长|长(?:一?点|一?些)", " longer "),
    # wanted or not
    (r"(?:^|(?<=[,。;]))([^,。;]+?)(?:都|也|全|就)(?:不要|不想要|不想看|不看|不喜欢)(?=$|[,。;])",
     r" without \1 ; "),
    (r"(?:^|(?<=[,。;]))([^,。;]+?)(?:就)?(?:除外|算了|免谈|不考虑|不用了)(?=$|[,。;])",
     r" without \1 ; "),
    (r"对([^,。;]+?)(?:没有?|不感)(?:什么)?兴趣", r" without \1 ; "),
    (r"有没有|是不是|要不要|能不能|可不可以", " "), (r"不仅仅?|不光|不管", " "),
    (r"除了?([^,。;]+?)(?:以外|之外|外)", r" without \1 ; "),
    (r"(?:没有|不含|不带)([^\s,。;的]{1,8})的(?=\S)", r" without \1 ; "),
    (r"不(?!锈|错|同|一|可|少|知|要|太|是)([^\s,。;的想喜]{2,4})的(?=\S)", r" without \1 ; "),
    (r"(?:不要|别|不)太长(?:的|了)?", " shorter "), (r"(?:不要|别|不)太短(?:的|了)?", " longer "),
    (r"(?:不要|别|不)太(?:老|旧)(?:的|了)?", " newer "),
    (r"(?:不想再?|不要|不用|不需要|不喜欢|不爱|不看|不听|不买|不考虑|不包括|不包含|讨厌|受够了|排除|去掉|拒绝|避免|没有|不含|不带|不是|除了"
     r"|别(?=给|推荐|要|再|有|来|太|那么))(?:再)?(?:给我|推荐|看到|看|听|买|有|任何|太|什么|要|来)*", " without "),
    (r"只(?:要|看|想要?|想看|想听|买)", " only "), (r"但是?|不过|可是", " but "),
    (r"或者?|还是", " or "), (r"、", " or "), (r"以及|并且|而且|还要", " and "), (r"和(?!平|谐|服)", " and "),
    (r"(?<!\d)[,。;!?](?!\d)|(?<=\d)[,。;!?](?!\d)|(?<!\d)[,。;!?](?=\d)", " ; "),
    # what says nothing about an item
    (r"(?:也|都)(?:可以|行|好)|随便", " "),
    (r"请问|麻烦|拜托|帮(?:我|忙)|给我(?:来|找|推荐|看)*|(?:为|替)我", " "),
    (r"我们?(?:今天|今晚|晚上|周末|现在|最近|也|就|还|很|都)*", " "),
    (r"(?:想|打算|准备|希望|需要|喜欢|爱看|爱听)(?:要|看|听|买|找|来|有|到|点|些)*|推荐|寻找|来(?:一?点|一?些|部|个|几)", " "),
    (r"(?:要|看|找|买)(?=\s|$)|(?<=\s)(?:要|看|找|买|有|是|来)", " "),
    (r"有(?:什么|哪些|啥)|(?:什么|哪些|随便|任何)", " "),
    (r"一(?:部|个|些|本|件|款|首|点|下|盏|把)|几(?:部|个|本|件|款|首)|(?:适合|关于|有关|讲述?|讲的)", " "),
    (r"(?:拍摄|拍|上映|发行|出版|出品|制作|生产|添加|上架)(?:的|于)?(?=\s|$)"
     r"|(?<=\s)(?:拍摄|拍|上映|发行|出版|出品|制作|生产|添加|上架)的?", " "),
    (r"(?:的|吗|呢|吧|啊|了|呀)(?=\s|$)|(?<=\s)(?:的|了|在|于)", " "),
    (r"without +(?=before|since|after|until|from)", "not "),
)  # fmt: skip
NAMES = {
    "喜剧": "comedy", "搞笑": "comedy", "恐怖": "horror", "爱情": "romance", "浪漫": "romance",
    "科幻": "sci-fi", "动作": "action", "战争": "war", "动画": "animation", "卡通": "cartoon",
    "纪录": "documentary", "剧情": "drama", "惊悚": "thriller", "音乐剧": "musical",
    "歌舞": "musical", "西部": "western", "悬疑": "mystery", "犯罪": "crime", "冒险": "adventure",
    "奇幻": "fantasy", "儿童": "children", "家庭": "family", "爵士": "jazz", "摇滚": "rock",
    "红色": "red", "蓝色": "blue", "绿色": "green", "黑色": "black", "白色": "white",
    "黄色": "yellow", "德语": "german", "法国": "france", "日本": "japan", "皮革": "leather",
    "橡木": "oak", "不锈钢": "stainless steel", "台灯": "lamp", "椅子": "chair", "玩具": "toy",
}  # fmt: skip
"""Names that catalogues in English have for these words."""
FILLERS = frozenset(
    re.findall(
        r"\S+",
        """片 类 类型 类的 款 部 个 盏 把 件 本 那种 这种 的 了 吗 有 是 在 要 看 钱 题材 作品 比较
        最好 都 也 里 上 中 能 会 就 等""",
    )
)
"""What is left of a message beside its names, and says nothing."""


def is_chinese(text: str) -> bool:
    """Return whether a folded message is in Chinese, and no title in an English sentence.

    >>> is_chinese("便宜的 sci-fi"), is_chinese("films like 霸王别姬"), is_chinese("sea")
    (True, False, False)
    """
    if not _IDEOGRAPH.search(text) or _KANA.search(text):
        return False
    words = set(re.findall(r"[a-z']+", text))
    return words.isdisjoint(STOP_WORDS) and words.isdisjoint(NEGATORS)


def in_english_forms(text: str) -> str:
    """Return a folded Chinese message with its conditions and requests in English.

    >>> in_english_forms("便宜的喜剧,不要恐怖")
    'cheap 喜剧 ; without 恐怖'
    """
    text = _in_digits(text)
    bare = text.strip(" ,.!?。~")
    for pattern, form in _REQUESTS:
        match = re.fullmatch(pattern, bare)
        if match is not None:
            text = match.expand(form)
            break
    for pattern, form in _PARTS:
        text = re.sub(pattern, _FORMS.get(form, form), text)
    return " ".join(text.split())


def without_fillers(text: str) -> str:
    """Return words to search for without those that say nothing.

    >>> without_fillers("老电影 片 大海")
    '老 大海'
    """
    parts = (re.sub(r"(?:的?电影|影片|片子|东西|产品|商品)$", "", part) for part in text.split())
    return " ".join(part for part in parts if part and part not in FILLERS)


def _in_digits(text: str) -> str:
    """Return a text with numbers in digits where they count something.

    >>> _in_digits("二十块以下"), _in_digits("九十年代"), _in_digits("三千一百元"), _in_digits("一起")
    ('20块以下', '90年代', '3100元', '一起')
    """
    counted = (
        r"(?=个?半?(?:小时|钟头|分钟|欧|美|元|块|颗?星(?!球)|分(?!手|析)|年|月|周|天|日|星期|礼拜)|"
    )
    counted += r"以上|以下|以内|左右|到|之间)"
    text = re.sub(r"(?<=第)[一二两三四五六七八九十]+", _digits, text)
    return re.sub(rf"(?<![上这下])[零一二两三四五六七八九十百千万]+{counted}", _digits, text)


def _digits(match: re.Match[str]) -> str:
    if not any(character in _UNITS for character in match[0]):
        return "".join(str(_DIGITS[character]) for character in match[0])  # 二零一零年
    total, number = 0, 0
    for character in match[0]:
        if character in _DIGITS:
            number = _DIGITS[character]
        elif character == "万":
            total, number = (total + number) * _UNITS[character], 0
        else:
            total, number = total + (number or 1) * _UNITS[character], 0
    return str(total + number)


def _latest(match: re.Match[str]) -> str:
    count = "few" if match[1] == "几" else match[1]
    return f" last {count} {_PERIODS[match[2].removeprefix('个')]} "


def _about(match: re.Match[str]) -> str:
    return f" around {match[1] or match[2]}{match[3] or ''} "


_FORMS = {"latest": _latest, "about": _about}
