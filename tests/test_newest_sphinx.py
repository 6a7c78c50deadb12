"""What `make newest` is told of the book, and what it says of two sites. That it builds is its own to show, with a network."""

import newest_sphinx


def test_jupyter_book_turns_the_books_settings_into_those_of_sphinx_alone():
    settings = newest_sphinx.settings()
    assert settings["html_theme"] == "dora"
    assert settings["html_title"] == "What is DoRA's magnitude vector?"
    assert "teach" in settings["extensions"] and "jupyter_book" not in settings["extensions"]
    assert settings["nitpicky"] is True


def test_pages_that_say_the_same_differ_in_what_is_around_it_and_in_every_file_that_one_site_lacks(tmp_path):
    sites = [tmp_path / name for name in ("pinned", "newest")]
    page = "<html><head>{}</head><main><p>One {}</p></main></html>"
    for site, head, word in zip(sites, ("old", "new"), ("word", "more"), strict=True):
        site.mkdir()
        (site / "same.html").write_text(page.format(head, "text"))
        (site / "other.html").write_text(page.format(head, word))
    (sites[1] / "stemmer.js").write_text("")
    assert dict(newest_sphinx.differences(*sites)) == {
        "other.html": ["-One word", "+One more"],
        "stemmer.js": ["not in the pinned site"],
    }
