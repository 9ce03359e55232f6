"""Rejection codes are a stable promise to programs."""

import application.access.errors
import application.files.import_items
import application.following.changes
import application.sealing.errors
from application.recording.rejection_errors import TooManyRejections
from domain import errors as rejections
from tests.support.codes import all_rejections


def test_codes_are_these_and_stay_these() -> None:
    assert {rejection.code for rejection in all_rejections()} == {
        "INVALID",
        "UNSUPPORTED",
        "UNKNOWN_ITEM",
        "UNKNOWN_VERSION",
        "ITEM_DISCONTINUED",
        "ITEM_DIFFERS",
        "TOO_MANY_PROVISIONAL_ITEMS",
        "UNKNOWN_CODE",
        "CODE_TAKEN",
        "CODE_RETIRED",
        "INSUFFICIENT_STOCK",
        "STOCK_LIMIT_EXCEEDED",
        "UNKNOWN_TRANSACTION",
        "GROUP_FAILED",
        "LOCAL_ID_REUSED",
        "CONFLICT",
        "LEDGER_DAMAGED",
        "FORBIDDEN",
        "UNKNOWN_KEY",
        "KEY_NOT_ACTIVE",
        "SIGN_IN_TOO_OLD",
        "UNKNOWN_POSITION",
        "UNKNOWN_REJECTION",
        "ALREADY_RECORDED",
        "TOO_MANY_REJECTIONS",
        "READ_TIMED_OUT",
        "UNREADABLE_FILE",
        "ALREADY_OPENED",
        "NO_CHECKPOINT",
        "NOT_RECORDED",
        "NOT_SEALED_YET",
        "UNKNOWN_SIZE",
        "TREE_DAMAGED",
    }


def test_what_may_be_otherwise_later_is_worth_a_retry() -> None:
    assert {r for r in all_rejections() if r.retryable} == {
        rejections.Conflict,
        rejections.TooManyProvisionalItems,
        TooManyRejections,
        application.following.changes.ChangesUnavailable,
        application.sealing.errors.NotSealedYet,
    }
