"""Every picture in the documents can be regenerated."""

from tests.browser.pictures import IMAGES, PICTURES


def test_every_picture_is_made_by_the_script() -> None:
    assert {path.stem for path in IMAGES.glob("*.png")} == PICTURES.keys()
