"""Names from Microsoft and pasted text as plain text."""

from collections.abc import Callable
from time import monotonic

from hypothesis import given, strategies as st
import pytest

from custom_components.ms_teams_presence.graph.text import (
    MAX_LENGTH,
    is_same_message,
    message_text,
    normalized,
    pasted_person,
    pasted_text,
    plain_text,
    unescaped,
)


@pytest.mark.parametrize(
    "name",
    [
        "Zoë Müller-Lüdenscheidt",
        "Conan O'Brien, Jr. (External)",
        'Viktor "Vik" Wong',
        "Research & Development #4",
        "李四 (David Li)",
        "Busy 🐝",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "robin@contoso.example",
        "Smith / IT: desk 100%",
    ],
)
def test_a_name_as_people_have_them_stays_as_it_is(name: str) -> None:
    assert plain_text(name) == name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("![x](https://evil.example/pixel)", "! x (https: evil.example/pixel)"),
        ("[Click](javascript:alert(1))", "Click (javascript:alert(1))"),
        ("<ha-alert alert-type='error'>Call IT</ha-alert>", "ha-alert alert-type='error' Call IT /ha-alert"),
        ("Robin | Boss | :red", "Robin Boss :red"),
        ("`rm`\\_", "rm _"),
        ("Visit www.evil.example or HTTP://evil.example", "Visit www evil.example or HTTP: evil.example"),
        ("Robin\nExample\r\n# Title", "Robin Example # Title"),
        ("\u202eelpmaxE niboR\u202c", "elpmaxE niboR"),
        ("Ro\u200bbin\ufeff \u00adExample", "Robin Example"),
        ("Ro\x00bin\x1b[31m\x7f", "Ro bin 31m"),
        ("\u2028\u2029 \u00a0", ""),
        ("{{ states }}", "states"),
        ("\ud800 half", "half"),
    ],
)  # fmt: skip
def test_markup_and_invisible_characters_are_removed(name: str, plain: str) -> None:
    assert plain_text(name) == plain


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, ["Robin"], b"Robin"])
def test_anything_but_a_text_is_empty(value: object) -> None:
    assert plain_text(value) == ""


@given(st.text(st.characters(), max_size=600))
def test_any_text_becomes_short_and_plain_and_stays_so(name: str) -> None:
    plain = plain_text(name)

    assert len(plain) <= MAX_LENGTH
    assert not set(plain) & set("[]<>{}|`\\\n\r\t\x00\u202e")
    assert plain == plain.strip()
    assert plain_text(plain) == plain


def test_a_long_name_is_cut() -> None:
    assert plain_text("Robin " * 1000) == ("Robin " * 1000)[:MAX_LENGTH].strip()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("R&amp;D day", "R&D day"),
        ("R&D day", "R&D day"),
        ("&lt;3 &quot;you&quot; &#39;n&#x27; me &apos;", "<3 \"you\" 'n' me '"),
        ("&amp;amp;", "&amp;"),
        ("Q&A; AT&T", "Q&A; AT&T"),
        ("&copy 2031", "&copy 2031"),
        ("&nosuchthing;", "&nosuchthing;"),
        ("&#0;&#1114112;", "\ufffd\ufffd"),
    ],
)
def test_character_references_are_decoded_once(text: str, plain: str) -> None:
    assert unescaped(text) == plain


def test_html_without_tags_keeps_its_paragraphs() -> None:
    html = "<div><p>Back at <b class='x'>three</b></p><p>or<br/>four</p></div>"
    assert message_text(html).split("\n") == ["Back at three", "or", "four"]
    assert message_text("a <3 b", is_html=True) == "a <3 b"


@pytest.mark.parametrize(
    "stored",
    [
        "R&amp;D at Zoë's &lt;3",
        "R&amp;amp;D at Zoë's &amp;lt;3",
        "<p>R&amp;D at Zoë&#39;s &lt;3</p>",
        "R&D\u00a0at  Zoe\u0308's <3\r\n",
        "\ufeffR&D at\tZoë's \u200b<3",
    ],
)
def test_a_text_equals_its_stored_form(stored: str) -> None:
    assert normalized(stored) == normalized("R&D at Zoë's <3")


def test_other_texts_compare_unequal() -> None:
    texts = ["R&D", "RD", "R D", "r&d", "R&D!", ""]
    assert len({normalized(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>R&amp;D day</p>", "R&D day"),
        ("<P>one</P><P>two</P>", "one\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ('<div class="x">Ask <at id="0">Alex</at></div>', "Ask Alex"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("<p>&nbsp;</p>", ""),
        ("I <3 you", "I <3 you"),
        ("a < b > c", "a < b > c"),
        ("in <Berlin>", "in <Berlin>"),
        ("a <b> c", "a <b> c"),
        ("<x>y</x>", "<x>y</x>"),
        ("&lt;p&gt; is a tag", "<p> is a tag"),
    ],
)
def test_a_message_is_read_without_the_tags_of_teams(content: str, text: str) -> None:
    assert message_text(content) == text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("I <3 you", "I 3 you"),
        ("I <3 you", "I"),
        ("a < b", "a b"),
        ("a < b > c", "a c"),
        ("in <Berlin> today", "in today"),
        ("in <Berlin>", "in Berlin"),
        ("two  spaces", "two spaces"),
        ("one\r\ntwo", "one\ntwo"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("<3", "<3"),
        ("<x>", "<x>"),
    ],
)
def test_a_sanitized_message_is_the_written_one(written: str, read: str) -> None:
    assert is_same_message(read, written)


@pytest.mark.parametrize(
    ("written", "read"),
    [("I <3 you", "I <3 them"), ("<x>", "<y>"), ("Lunch", ""), ("", "Lunch"), ("Lunch", "Lunch!")],
)
def test_another_message_is_not_the_written_one(written: str, read: str) -> None:
    assert not is_same_message(read, written)


@given(st.text(), st.booleans())
def test_any_content_is_read(content: str, is_html: bool) -> None:  # noqa: FBT001
    text = message_text(content, is_html=is_html)
    assert text == text.strip()
    assert is_same_message(text, text)


@pytest.mark.parametrize(
    "content",
    [
        "<" + "a" * 200_000,
        "</" + "a" * 200_000,
        "<a " * 100_000,
        "<" * 200_000,
        "&" * 200_000,
        "&#" + "1" * 200_000 + ";",
        "<p" + " " * 200_000,
        "<br" + " " * 200_000,
        "</p" + " " * 200_000,
    ],
    ids=lambda content: content[:3],
)
def test_a_long_content_is_read_in_time(content: str) -> None:
    started = monotonic()
    is_same_message(message_text(content), "Lunch")
    message_text(content, is_html=True)
    assert monotonic() - started < 2


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ('"x"', "x"),
        ("\u201e\u00a0x \u201c ", "x"),
        ("'\"x y\"'", "x y"),
        ("\u00abx\u203a", "x"),
        ("'x", "'x"),
        ("x'", "x'"),
        ("a'b'c", "a'b'c"),
        ("'", ""),
        ("", ""),
    ],
)
def test_quotes_around_pasted_text_are_removed(pasted: str, meant: str) -> None:
    assert pasted_text(pasted) == meant


@pytest.mark.parametrize("read", [pasted_text, pasted_person], ids=["text", "person"])
@pytest.mark.parametrize("part", ['"', '"x', "a@", "a.", "x", " ", "\u200c", "11111111-"])
def test_long_pasted_text_is_read_at_once(read: Callable[[str], str], part: str) -> None:
    begun = monotonic()
    read(part * 3000 + "x")

    assert monotonic() - begun < 2
