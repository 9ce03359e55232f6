"""OpenAPI document: its promises, and whether generators can read it."""

import ast
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from interface.api.codes import OF_REQUESTS, STATUS
from tests.support.contract import FILE, document

API = Path(__file__).parents[2] / "interface" / "api"
CONTRACT: dict[str, Any] = json.loads(document())
SCHEMAS: dict[str, Any] = CONTRACT["components"]["schemas"]


def test_contract_is_the_one_that_was_reviewed() -> None:
    """After an intended change of the API, run `make contract` to write the file."""
    assert FILE.read_text() == document()


def test_document_is_valid() -> None:
    assert CONTRACT["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(CONTRACT).iter_errors()) == []


def test_names_are_fit_for_generated_clients() -> None:
    operations = [one for path in CONTRACT["paths"].values() for one in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(name.isalpha() and name[0].islower() for name in ids)
    assert {"recordTransactions", "listItems", "changeItem", "registerItem"} <= set(ids)
    assert not [name for name in SCHEMAS if name.endswith(("Out", "In")) or "_" in name]


def test_what_may_be_left_out_has_no_default() -> None:
    for name, schema in SCHEMAS.items():
        for field, value in schema.get("properties", {}).items():
            assert "default" not in value, (name, field)


def test_quantities_are_numbers_and_instants_are_dates() -> None:
    quantities = {"quantity", "onHand", "delta", "safetyStock", "expected", "counted"}
    for name, schema in SCHEMAS.items():
        for field, value in schema.get("properties", {}).items():
            types = [value, *value.get("anyOf", ())]
            if field in quantities:
                assert "number" in [one.get("type") for one in types], (name, field)
            if field.endswith("At"):
                assert "date-time" in [one.get("format") for one in types], (name, field)


def test_errors_have_one_media_type() -> None:
    for path in CONTRACT["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                problem = int(status) >= 400 and "Health" not in str(response)
                if problem:
                    assert list(response["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("name", [name for name in SCHEMAS if "examples" in SCHEMAS[name]])
def test_examples_are_examples(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": CONTRACT["components"]}
    for example in SCHEMAS[name]["examples"]:
        jsonschema_rs.validate(schema, example, validate_formats=True)


def test_answers_have_examples() -> None:
    answers = {"SyncResponse", "Item", "MovementRecord", "ChangeRecord", "TransactionStatus"}
    assert {*answers, "RejectedTransaction", "KeyDescription", "AuditRecord", "Problem"} <= {
        name for name in SCHEMAS if "examples" in SCHEMAS[name]
    }


def test_every_code_of_the_api_is_told() -> None:
    """The code that raises a problem has its code as a literal string."""
    known = {*OF_REQUESTS, *(rejection.code for rejection in STATUS)}
    for file in API.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and "roblem" in ast.unparse(node.func):
                texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
                codes = {text for text in texts if isinstance(text, str) and text.isupper()}
                assert codes <= known, file
