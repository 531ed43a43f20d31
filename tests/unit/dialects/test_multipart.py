"""Forms: read as their fields and files stand there, refused where two readers could see two calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.dialect import UnreadableError
from proxy.dialects.multipart import PARTS_MAX, Form, FormReader

READER = FormReader(("model", "n", "stream", "prompt"), flags=("stream",), numbers=("n",))
TYPE = b"multipart/form-data; boundary=XX"


def part(name: str, value: bytes, more: str = "", headers: str = "") -> bytes:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{headers}\r\n'.encode() + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


def read(*parts: bytes) -> Form:
    return READER.read(form(*parts), TYPE)


def test_fields_are_read_as_a_json_body_would_have_them() -> None:
    found = read(
        part("model", b"gpt-image-1"), part("n", b"3"), part("stream", b"True"), part("prompt", "Grüße".encode())
    )
    assert found.fields.model() == "gpt-image-1"
    assert (found.fields.choices(), found.fields.flag("stream"), found.fields.text("prompt")) == (3, True, "Grüße")
    assert found.files == ()
    assert found.text_bytes == len("gpt-image-1") + 1 + 4 + len("Grüße".encode())


@given(data=st.binary(max_size=300).filter(lambda data: b"\r\n--XX" not in data))
def test_a_file_is_its_bytes_whatever_they_are(data: bytes) -> None:
    found = read(part("file", data, '; filename="a.wav"'), part("model", b"whisper-1"))
    assert [(file.name, bytes(file.data)) for file in found.files] == [("file", data)]
    assert found.text_bytes == len("whisper-1")


def test_files_are_told_apart_by_a_digest() -> None:
    one, same, other = (read(part("image", data, '; filename="x"')).files[0] for data in (b"a", b"a", b"b"))
    assert one.member == same.member != other.member
    assert one.member.startswith(b'"image":"')


def test_a_file_with_an_extended_name_alone_is_a_file() -> None:
    """As older HTTP clients send one whose name is beyond ASCII."""
    found = read(part("file", b"RIFF", "; filename*=utf-8''%C3%BC.wav"))
    assert [bytes(file.data) for file in found.files] == [b"RIFF"]
    assert found.text_bytes == 0


def test_spaces_in_a_header_are_read_once() -> None:
    """Reading them again from each place would take minutes here, and the process answers nobody meanwhile."""
    with pytest.raises(UnreadableError, match="no boundary"):
        READER.read(b"", b"multipart/form-data; boundary=XX; boundary=YY; boundary" + b" " * 200_000 + b"x")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (form(part("model", b"a"), part("model", b"b")), "'model' stands twice"),
        (form(part("model", b"a"), part("Model", b"b")), "'model' stands twice"),
        (form(part("model", b"a"), part("model ", b"b")), "'model' stands twice"),
        (form(part("model", b"a"), part("model[]", b"b")), "'model' stands in the form as a list"),
        (form(part("Model [0]", b"b")), "'model' stands in the form as a list"),
        (form(part("model", b"a", '; filename="m"')), "'model' stands in the form as a file"),
        (form(part("model", b"a", "; filename*=utf-8''m")), "'model' stands in the form as a file"),
        (form(part("model", b"a", '; name="other"')), "no name, or more than one"),
        (form(part("other", b"a", "; name*=utf-8''model")), "no name, or more than one"),
        (form(part("model", b"YQ==", headers="Content-Transfer-Encoding: base64\r\n")), "content-transfer-encoding"),
        (
            form(part("x", b"a", headers='content-disposition: form-data; name="model"\r\n')),
            "a header twice",
        ),
        (form(b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n"), "no name"),
        (form(part("model", b"\xff")), "'model' is not UTF-8"),
        (part("model", b"a"), "breaks off"),
        (b"", "breaks off"),
        (b"something else", "can't be read"),
        (form(*[part("x", b"")] * (PARTS_MAX + 1)), "more than 256 parts"),
    ],
)
def test_a_form_that_two_readers_could_read_in_two_ways_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(UnreadableError, match=complaint):
        READER.read(body, TYPE)


@pytest.mark.parametrize(
    "content_type",
    [b"multipart/form-data", b"multipart/form-data; boundary=XX; boundary=YY", b"multipart/form-data; b=X"],
)
def test_a_form_needs_one_boundary(content_type: bytes) -> None:
    with pytest.raises(UnreadableError, match="boundary"):
        READER.read(form(part("model", b"a")), content_type)


def test_fields_that_nobody_governs_may_stand_as_often_as_they_like() -> None:
    found = read(part("include[]", b"a"), part("include[]", b"b"), part("n", b"many"))
    assert found.text_bytes == 6
    with pytest.raises(UnreadableError, match="'n' must be a whole number"):
        found.fields.choices()


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        READER.read(b"--XX\r\n" + body, TYPE)
    except UnreadableError:
        return
