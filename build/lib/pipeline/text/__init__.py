"""Titles and texts: HTML, Markdown and LaTeX to plain text, and the ids that name a document."""
