"""Schemas of codes (barcodes) and of the requests that change them."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from application.parsing.transactions import Number
from application.projections.codes import Code
from domain.barcode import BarcodeEvent, CodeAssigned
from domain.quantities import json_number
from interface.api.schemas.base import RequestBody, SentQuantity, Wire, example

Per = Annotated[
    Number, Field(description="The base units that one scan counts: 12 for a carton of 12.")
]

CodeVersion = Annotated[
    int, Field(description="The code's version. Skip a version that your copy already has.")
]


class ItemCode(Wire):
    """A code of an item."""

    model_config = example(code="4006381333931", per=1, version=1)

    code: str
    per: Per
    version: CodeVersion

    @classmethod
    def of(cls, code: Code) -> "ItemCode":
        return cls.model_construct(
            code=code.code, per=json_number(Decimal(code.per)), version=code.version
        )

    @classmethod
    def of_event(cls, event: CodeAssigned) -> "ItemCode":
        return cls(code=event.code, per=event.shown_per, version=event.originator_version)


class CodeAssignment(RequestBody):
    """A code to assign to an item."""

    model_config = example(code="4006381333931", per=12)

    code: str
    per: SentQuantity = 1


class RetiredCode(Wire):
    """A code that is free now."""

    model_config = example(code="4006381333931", version=2)

    code: str
    version: CodeVersion

    @classmethod
    def of(cls, event: BarcodeEvent) -> "RetiredCode":
        return cls(code=event.code, version=event.originator_version)


class CodeRetirement(RequestBody):
    """A code to retire."""

    model_config = example(code="4006381333931")

    code: str
