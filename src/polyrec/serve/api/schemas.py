"""Bodies in and out, with Gorse's field names, and what is checked of them.

Fields that we don't know are passed over, as Gorse does: a client may send what it read.
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from polyrec.database.feedback import Feedback
from polyrec.database.records import ItemRecord, UserRecord
from polyrec.serve.api.timestamps import read_moment, write_moment
from polyrec.serve.middleware.request_limits import SLASH

_LONGEST_ID = 256
_LONGEST_TEXT = 65_536
_CONTROL = {chr(code) for code in (*range(32), 127)}


def check_id(value: str) -> str:
    """Return an id, or say what no id may be."""
    if not value.strip() or len(value) > _LONGEST_ID:
        raise ValueError(f"an id has 1 to {_LONGEST_ID} characters")
    if not _CONTROL.isdisjoint(value):
        raise ValueError("an id holds no control characters")
    return _check_text(value)


def id_of_path(value: str) -> str:
    """Return the id that a segment of a path stands for."""
    return check_id(value.replace(SLASH, "/"))


def _check_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("text holds no NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text holds no half of a surrogate pair") from None
    return value


def _check_labels(value: Any) -> Any:
    """Return labels as any JSON reader will understand them."""
    try:
        told = orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError, RecursionError) as error:
        raise ValueError(f"labels are plain JSON ({error})") from None
    if len(told) > _LONGEST_TEXT:
        raise ValueError(f"labels take at most {_LONGEST_TEXT:,} bytes")
    return orjson.loads(told)


def _check_moment(value: Any) -> int | None:
    return read_moment(value)


Id = Annotated[str, AfterValidator(check_id), WithJsonSchema(
    {"type": "string", "minLength": 1, "maxLength": _LONGEST_ID}
)]  # fmt: skip
PathId = Annotated[str, Path(max_length=_LONGEST_ID), AfterValidator(id_of_path)]
Text = Annotated[str, Field(max_length=_LONGEST_TEXT), AfterValidator(_check_text)]
AnyJson = Annotated[Any, AfterValidator(_check_labels)]
Moment = Annotated[int | None, BeforeValidator(_check_moment), WithJsonSchema(
    {"type": "string", "examples": ["2026-01-31T12:00:00Z"]}
)]  # fmt: skip
Count = Annotated[int | None, Query(ge=0, description="How many.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="How many to skip.")]
Cursor = Annotated[str, Query(max_length=4_096, description="Of the page before.")]


def example(**values: Any) -> ConfigDict:
    """Return the settings of a schema that show it with these values."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class UserChange(BaseModel):
    """What may be changed of a user; what is not sent stays."""

    model_config = example(Labels={"age": "30s"})

    Labels: AnyJson = None
    Comment: Text = ""

    def changes(self) -> dict[str, Any]:
        """Return the columns that were sent."""
        return {name.lower(): getattr(self, name) for name in self.model_fields_set}


class UserBody(UserChange):
    """A user."""

    model_config = example(UserId="ann", Labels={"age": "30s"}, Comment="")

    UserId: Id

    def record(self) -> UserRecord:
        """Return the record."""
        return UserRecord(self.UserId, self.Labels, self.Comment)


class ItemChange(BaseModel):
    """What may be changed of an item; what is not sent stays."""

    model_config = example(IsHidden=True)

    IsHidden: bool = False
    Categories: Annotated[list[Id] | None, Field(max_length=1_000)] = None
    Timestamp: Moment = None
    Labels: AnyJson = None
    Comment: Text = ""

    def changes(self) -> dict[str, Any]:
        """Return the columns that were sent."""
        found: dict[str, Any] = {}
        for name in self.model_fields_set - {"ItemId"}:
            value = getattr(self, name)
            if name == "Categories":
                value = tuple(dict.fromkeys(value or ()))
            if name != "Timestamp" or value is not None:
                found[_COLUMN.get(name, name.lower())] = value
        return found


_COLUMN = {"IsHidden": "is_hidden"}


class ItemBody(ItemChange):
    """An item."""

    model_config = example(
        ItemId="i1", IsHidden=False, Categories=["films"], Timestamp="2026-01-31T12:00:00Z",
        Labels={"genre": ["drama"], "price": 12.5}, Comment="A quiet film about the sea",
    )  # fmt: skip

    ItemId: Id

    def record(self) -> ItemRecord:
        """Return the record."""
        categories = tuple(dict.fromkeys(self.Categories or ()))
        return ItemRecord(
            self.ItemId, self.IsHidden, categories, self.Timestamp, self.Labels, self.Comment
        )


class FeedbackBody(BaseModel):
    """What a user did with an item; without a time, now."""

    model_config = example(
        FeedbackType="like", UserId="ann", ItemId="i1", Value=0, Timestamp="2026-01-31T12:00:00Z"
    )

    FeedbackType: Id
    UserId: Id
    ItemId: Id
    Value: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    Timestamp: Moment = None
    Comment: Text = ""

    def record(self) -> Feedback:
        """Return the record."""
        return Feedback(
            self.FeedbackType, self.UserId, self.ItemId, self.Value, self.Timestamp, self.Comment
        )


class SessionBody(BaseModel):
    """What someone without an account did; only the item is needed."""

    model_config = example(FeedbackType="like", ItemId="i1", Timestamp="2026-01-31T12:00:00Z")

    ItemId: Id
    FeedbackType: str = ""
    UserId: str = ""
    Value: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    Timestamp: Moment = None
    Comment: str = ""


class RowAffected(BaseModel):
    """How many records a write concerned."""

    model_config = example(RowAffected=1)

    RowAffected: int


class Scored(BaseModel):
    """An item or user with its score."""

    model_config = example(Id="i1", Score=0.93)

    Id: str
    Score: float


class Problem(BaseModel):
    """What is wrong, what was received, and what to do."""

    model_config = example(
        what="query.n does not fit", received="-1",
        remedy="Input should be greater than or equal to 0",
    )  # fmt: skip

    what: str
    received: str | None = None
    remedy: str = ""


class UserPage(BaseModel):
    """Users, and where the next page begins; an empty cursor is the end."""

    Cursor: str
    Users: list[UserBody]


class ItemPage(BaseModel):
    """Items, and where the next page begins; an empty cursor is the end."""

    Cursor: str
    Items: list[ItemBody]


class FeedbackPage(BaseModel):
    """Feedback, and where the next page begins; an empty cursor is the end."""

    Cursor: str
    Feedback: list[FeedbackBody]


def user_out(user: UserRecord) -> dict[str, Any]:
    """Return a user as it is sent."""
    return {"UserId": user.user_id, "Labels": user.labels, "Comment": user.comment}


def item_out(item: ItemRecord) -> dict[str, Any]:
    """Return an item as it is sent; `Status` and `Reason` are ours."""
    return {
        "ItemId": item.item_id,
        "IsHidden": item.is_hidden,
        "Categories": list(item.categories),
        "Timestamp": write_moment(item.timestamp or 0),
        "Labels": item.labels,
        "Comment": item.comment,
        "Status": item.status,
        "Reason": item.reason,
    }


def feedback_out(feedback: Feedback) -> dict[str, Any]:
    """Return a feedback as it is sent."""
    return {
        "FeedbackType": feedback.feedback_type,
        "UserId": feedback.user_id,
        "ItemId": feedback.item_id,
        "Value": feedback.value,
        "Timestamp": write_moment(feedback.timestamp or 0),
        "Updated": write_moment(feedback.updated or 0),
        "Comment": feedback.comment,
    }
