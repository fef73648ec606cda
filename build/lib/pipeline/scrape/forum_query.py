"""The question put to a forum: one set of terms, two dialects of GraphQL.

LessWrong and the Alignment Forum take `selector`, the EA Forum (an older fork) takes `input: {terms}`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Dialect = Literal["selector", "terms"]

POST_FIELDS = (
    "_id title slug url pageUrl postedAt modifiedAt baseScore voteCount extendedScore commentCount wordCount af "
    "question isEvent shortform draft unlisted rejected debate postCategory curatedDate frontpageDate canonicalSource "
    "fmCrosspost{isCrosspost hostedHere foreignPostId} user{_id slug displayName} coauthors{_id slug displayName} "
    "tags{_id slug name} contents{_id version html markdown wordCount plaintextDescription}"
)
COMMENT_FIELDS = (
    "_id postId parentCommentId topLevelCommentId postedAt lastEditedAt baseScore extendedScore voteCount af deleted "
    "deletedPublic retracted answer shortform user{_id slug displayName} contents{html plaintextMainText} pageUrl"
)


def posts_query(
    dialect: Dialect, terms: Mapping[str, Any], limit: int, offset: int, without: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the body of a request for posts, oldest first.

    Args:
        terms: after, before, timeField, karmaThreshold, excludeEvents, filterSettings; empty ones are left out.
        without: fields that the service said it does not know.
    """
    fields = drop_fields(POST_FIELDS, without)
    return _query(dialect, "posts", "old", terms, limit, offset, fields)


def comments_query(dialect: Dialect, view: str, post_id: str, limit: int) -> dict[str, Any]:
    """Returns the body of a request for the comments of a post."""
    return _query(dialect, "comments", view, {"postId": post_id}, limit, 0, COMMENT_FIELDS)


def post_query(dialect: Dialect, post_id: str, without: Sequence[str] = ()) -> dict[str, Any]:
    """Returns the body of a request for one post; one that is gone is null."""
    name = json.dumps(post_id)
    selector = f"selector: {{_id: {name}}}" if dialect == "selector" else f"input: {{selector: {{documentId: {name}}}}}"
    return {"query": f"{{ post({selector}, allowNull: true) {{ result {{ {drop_fields(POST_FIELDS, without)} }} }} }}"}


def drop_fields(fields: str, without: Sequence[str]) -> str:
    """Takes fields out of a selection, with what they contain."""
    kept, depth, is_dropped = [], 0, False
    for word in fields.replace("{", " { ").replace("}", " } ").split():
        if word == "{":
            depth += 1
        if depth == 0:
            is_dropped = word in without
        if not is_dropped and not (depth and word in without):
            kept.append(word)
        if word == "}":
            depth -= 1
    return " ".join(kept)


def _query(
    dialect: Dialect, kind: str, view: str, terms: Mapping[str, Any], limit: int, offset: int, fields: str
) -> dict[str, Any]:
    known = {key: value for key, value in terms.items() if value not in ("", None, ())}
    if dialect == "selector":
        head = f"{kind}(selector: $selector, limit: $limit, offset: $offset)"
        types = f"$selector: {kind[:-1].capitalize()}Selector!, $limit: Int, $offset: Int"
        return {
            "query": f"query Census({types}) {{ {head} {{ results {{ {fields} }} }} }}",
            "variables": {"selector": {view: known}, "limit": limit, "offset": offset},
        }
    # Written out, since variables named like terms are refused (app.conflicting_term_and_resolver_arg_keys).
    literal = _literal({"view": view, **known, "limit": limit, "offset": offset})
    return {"query": f"{{ {kind}(input: {{terms: {literal}}}) {{ results {{ {fields} }} }} }}"}


def _literal(value: Any) -> str:
    """Writes a value in the notation of GraphQL, whose keys have no quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(inner) for inner in value) + "]"
    return json.dumps(value)
