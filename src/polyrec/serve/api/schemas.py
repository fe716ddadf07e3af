"""Request and response bodies with Gorse's field names, and their validation.

Gorse's routes ignore unknown fields, as Gorse does: a client may send back what it received. Our
own routes refuse them (`StrictBody`).
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import orjson
from fastapi import Path, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from polyrec.database.feedback import Feedback
from polyrec.database.records import ItemRecord, UserRecord
from polyrec.errors import nearest
from polyrec.index.tastes import Attitude, Taste
from polyrec.serve.api.timestamps import format_timestamp, parse_timestamp
from polyrec.serve.middleware.request_limits import SLASH
from polyrec.types import MAX_ID_LENGTH, id_problem

MAX_OFFSET = 1_000_000  # of a list
_MAX_TEXT = 65_536
_MAX_FIELD_NAME = 64  # characters of an unknown one that are compared and repeated


def check_id(value: str) -> str:
    """Return an id; raise `ValueError` for an invalid one."""
    problem = id_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def decode_path_id(value: str) -> str:
    """Return the id in a path segment."""
    return check_id(value.replace(SLASH, "/"))


def check_optional_id(value: str) -> str:
    """Return an id, or "" for none; raise `ValueError` for an invalid one."""
    return check_id(value) if value else ""


def check_text(value: str) -> str:
    """Return a text that every database can store; raise `ValueError` for another."""
    if "\0" in value:
        raise ValueError("text must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text must not contain unpaired surrogates") from None
    return value


def _check_labels(value: Any) -> Any:
    """Return labels as plain JSON of bounded size."""
    try:
        encoded = orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError, RecursionError) as error:
        raise ValueError(f"labels must be plain JSON ({error})") from None
    if len(encoded) > _MAX_TEXT:
        raise ValueError(f"labels take at most {_MAX_TEXT:,} bytes")
    return orjson.loads(encoded)


ID_SCHEMA: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID_LENGTH,
    # no control characters, not only spaces, not . or .. (see `types.id_problem`)
    "pattern": r"^(?!\.{1,2}$)[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$",
}
Id = Annotated[str, AfterValidator(check_id), WithJsonSchema(ID_SCHEMA)]
OptionalId = Annotated[str, AfterValidator(check_optional_id), WithJsonSchema(
    {"type": "string", "maxLength": MAX_ID_LENGTH}
)]  # fmt: skip
PathId = Annotated[
    str, Path(max_length=MAX_ID_LENGTH), AfterValidator(decode_path_id),
    WithJsonSchema(ID_SCHEMA),
]  # fmt: skip
Text = Annotated[str, Field(max_length=_MAX_TEXT), AfterValidator(check_text)]
AnyJson = Annotated[Any, AfterValidator(_check_labels)]
Time = Annotated[int | None, BeforeValidator(parse_timestamp), WithJsonSchema(
    {"type": "string", "examples": ["2026-01-31T12:00:00Z"]}
)]  # fmt: skip
_Value = Annotated[float, Field(allow_inf_nan=False)] | None
Count = Annotated[int | None, Query(ge=0, description="Number of entries.")]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Number of entries to skip.")]
View = Annotated[str, Query(max_length=64, description="Compare in this view only (not in Gorse).")]
Cursor = Annotated[str, Query(max_length=4_096, description="The cursor of the previous page.")]


def schema_example(**values: Any) -> ConfigDict:
    """Return the config of a schema with an example of these values."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class StrictBody(BaseModel):
    """A body of a route of our own: an unknown field is refused with the nearest known name."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, body: Any) -> Any:
        fields = cls.model_fields
        unknown = [name for name in body if name not in fields] if isinstance(body, dict) else ()
        if unknown:
            name = str(unknown[0])[:_MAX_FIELD_NAME]
            remedy = nearest(name, fields)
            raise PydanticCustomError(
                "unknown_field", "{remedy}", {"field": name, "remedy": remedy}
            )
        return body


class UserChange(BaseModel):
    """A change of a user; fields that are null or not sent keep their value."""

    model_config = schema_example(Labels={"age": "30s"})

    Labels: AnyJson = None
    Comment: Text | None = None

    def changes(self) -> dict[str, Any]:
        """Return the columns to change."""
        values = {name.lower(): getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in values.items() if value is not None}


class TasteBody(StrictBody):
    """An attitude towards a category, a label, an item, or items with some words: one of these.

    like: such items rank higher. dislike: they are in no list, and those in the history do not
    count. ignore: those in the history do not count. none: what was stated before is taken back.
    """

    model_config = schema_example(Attitude="dislike", Category="horror")

    Attitude: Attitude
    Category: OptionalId = ""
    Label: Annotated[
        list[Text] | None, Field(min_length=2, max_length=2, description="Its key and value.")
    ] = None
    ItemId: OptionalId = ""
    Words: Annotated[str, Field(max_length=200), AfterValidator(check_text)] = ""

    @model_validator(mode="after")
    def _check_subject(self) -> Self:
        label = self.Label is not None and self.Label[1]
        parts = (self.Category, label, self.ItemId, self.Words.strip())
        if sum(map(bool, parts)) != 1:
            raise ValueError("send one of Category, Label, ItemId and Words")
        return self

    def taste(self) -> Taste:
        """Return the taste."""
        if self.Label is not None:
            return Taste(self.Attitude, "label", self.Label[1], self.Label[0])
        if self.ItemId:
            return Taste(self.Attitude, "item", self.ItemId)
        if self.Category:
            return Taste(self.Attitude, "category", self.Category)
        return Taste(self.Attitude, "words", " ".join(self.Words.split()))


class UserBody(UserChange):
    """A user. Without Tastes, a known user keeps them."""

    model_config = schema_example(UserId="ann", Labels={"age": "30s"}, Comment="")

    UserId: Id
    Tastes: Annotated[list[TasteBody] | None, Field(max_length=200)] = None

    def record(self) -> UserRecord:
        """Return the record."""
        tastes = None if self.Tastes is None else tuple(taste.taste() for taste in self.Tastes)
        return UserRecord(self.UserId, self.Labels, self.Comment or "", tastes)


class ItemChange(BaseModel):
    """A change of an item; fields that are null or not sent keep their value."""

    model_config = schema_example(IsHidden=True)

    IsHidden: bool | None = None
    Categories: Annotated[list[Id] | None, Field(max_length=1_000)] = None
    Timestamp: Time = None
    Labels: AnyJson = None
    Comment: Text | None = None

    def changes(self) -> dict[str, Any]:
        """Return the columns to change."""
        columns: dict[str, Any] = {}
        for name in self.model_fields_set - {"ItemId"}:
            value = getattr(self, name)
            if value is not None:
                value = tuple(dict.fromkeys(value)) if name == "Categories" else value
                columns[_COLUMNS.get(name, name.lower())] = value
        return columns


_COLUMNS = {"IsHidden": "is_hidden"}


class ItemBody(ItemChange):
    """An item."""

    model_config = schema_example(
        ItemId="i1", IsHidden=False, Categories=["films"], Timestamp="2026-01-31T12:00:00Z",
        Labels={"genre": ["drama"], "price": 12.5}, Comment="A quiet film about the sea",
    )  # fmt: skip

    ItemId: Id

    def record(self) -> ItemRecord:
        """Return the record."""
        categories = tuple(dict.fromkeys(self.Categories or ()))
        return ItemRecord(
            self.ItemId, bool(self.IsHidden), categories, self.Timestamp, self.Labels,
            self.Comment or "",
        )  # fmt: skip


class FeedbackBody(BaseModel):
    """Feedback of a user on an item; without a Timestamp, it is now."""

    model_config = schema_example(
        FeedbackType="like", UserId="ann", ItemId="i1", Value=0, Timestamp="2026-01-31T12:00:00Z"
    )

    FeedbackType: Id
    UserId: Id
    ItemId: Id
    Value: _Value = 0.0
    Timestamp: Time = None
    Comment: Text | None = None

    def record(self) -> Feedback:
        """Return the record."""
        return Feedback(
            self.FeedbackType, self.UserId, self.ItemId, self.Value or 0.0, self.Timestamp,
            self.Comment or "",
        )  # fmt: skip


class SessionBody(BaseModel):
    """An event of an anonymous session; only the item is required."""

    model_config = schema_example(
        FeedbackType="like", ItemId="i1", Timestamp="2026-01-31T12:00:00Z"
    )

    ItemId: Id
    FeedbackType: str | None = None
    UserId: str | None = None
    Value: _Value = 0.0
    Timestamp: Time = None
    Comment: str | None = None


class RowAffected(BaseModel):
    """The number of records of a write."""

    model_config = schema_example(RowAffected=1)

    RowAffected: int


class Scored(BaseModel):
    """An item or user with its score."""

    model_config = schema_example(Id="i1", Score=0.93)

    Id: str
    Score: float


class ProblemBody(BaseModel):
    """What is wrong, what was received, and what to do."""

    model_config = ConfigDict(title="Problem") | schema_example(
        what="query.n is invalid", received="-1",
        remedy="Input should be greater than or equal to 0",
    )  # fmt: skip

    what: str
    received: str | None = None
    remedy: str = ""


class UserPage(BaseModel):
    """Users, and the cursor of the next page; it is empty at the end."""

    Cursor: str
    Users: list[UserBody]


class ItemPage(BaseModel):
    """Items, and the cursor of the next page; it is empty at the end."""

    Cursor: str
    Items: list[ItemBody]


class FeedbackPage(BaseModel):
    """Feedback, and the cursor of the next page; it is empty at the end."""

    Cursor: str
    Feedback: list[FeedbackBody]


def user_out(user: UserRecord) -> dict[str, Any]:
    """Return the body of a user; `Tastes` is not in Gorse, and is left out where there are none."""
    body = {"UserId": user.user_id, "Labels": user.labels, "Comment": user.comment}
    return body | ({"Tastes": [taste_out(taste) for taste in user.tastes]} if user.tastes else {})


def taste_out(taste: Taste) -> dict[str, Any]:
    """Return the body of a taste."""
    if taste.subject == "label":
        return {"Attitude": taste.attitude, "Label": [taste.key, taste.value]}
    names = {"category": "Category", "item": "ItemId", "words": "Words"}
    return {"Attitude": taste.attitude, names[taste.subject]: taste.value}


def item_out(item: ItemRecord) -> dict[str, Any]:
    """Return the body of an item; `Status` and `Reason` are not in Gorse."""
    return {
        "ItemId": item.item_id,
        "IsHidden": item.is_hidden,
        "Categories": list(item.categories),
        "Timestamp": format_timestamp(item.timestamp or 0),
        "Labels": item.labels,
        "Comment": item.comment,
        "Status": item.status,
        "Reason": item.reason,
    }


def feedback_out(feedback: Feedback) -> dict[str, Any]:
    """Return the body of a feedback."""
    return {
        "FeedbackType": feedback.feedback_type,
        "UserId": feedback.user_id,
        "ItemId": feedback.item_id,
        "Value": feedback.value,
        "Timestamp": format_timestamp(feedback.timestamp or 0),
        "Updated": format_timestamp(feedback.updated or 0),
        "Comment": feedback.comment,
    }
