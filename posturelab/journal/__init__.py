"""The journal as people and programs see it: event words, lines, pages, questions."""
