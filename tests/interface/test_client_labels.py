"""Reference client: it takes the labels that the ledger takes, in the same form."""

from hypothesis import example, given
from hypothesis import strategies as st

from domain.barcode import compared_form
from domain.errors import Invalid
from domain.labels import kept_form as kept_form_of_ledger
from domain.labels import label
from interface.client.labels import code_key, is_label, kept_form

TEXTS = st.text(
    st.sampled_from(
        " ab1e\u0301\u00a0\u2003\t\n\0\u2028\u200d\u202a\u202c\u202e\u2066\u2069\ud800\ufb2c"
    )
    | st.characters(),
    max_size=12,
)


def is_label_of_ledger(text: str) -> bool:
    try:
        label("text", text)
    except Invalid:
        return False
    return True


@given(TEXTS)
@example("a\u202eb")
@example("\u2066x")
@example("Q" * 199 + "\ufb2c")  # 201 characters in the kept form
@example("e\u0301" * 150)  # 150 characters in the kept form
@example("x" * 201)
def test_device_takes_the_labels_that_the_ledger_takes(text: str) -> None:
    assert is_label(text) == is_label_of_ledger(text)


@given(TEXTS.filter(is_label_of_ledger))
@example("4006381333931")
@example("96385074")
def test_device_keeps_labels_and_codes_as_the_ledger_does(text: str) -> None:
    assert kept_form(text) == kept_form_of_ledger(text)
    assert code_key(text) == compared_form(text)
