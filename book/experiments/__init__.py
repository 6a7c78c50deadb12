"""The measurements behind `book/data`: each script says what it measures, and its command line makes the file again."""
