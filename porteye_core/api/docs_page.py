"""The API's description as one page, without a script or anything from the network."""

import re
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 0.9em ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0;
         border-bottom: 1px solid #8886; }
"""


def docs_page(schema: dict[str, Any], root: str) -> str:
    """A page for this OpenAPI description of the API below the path `root`."""
    info = schema["info"]
    sections = "".join(
        _operation(path, method, operation, schema, root)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}'
        '</title><meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} API {escape(info['version'])}</h1>"
        '<p>For programs: <a href="openapi.json">openapi.json</a>. Times are ISO 8601 with offset.'
        ' Every error has the shape <code>{"error": {"code", "message", "hint"}}</code>.'
        " Behind a proxy that takes a prefix off the path, put it before each of these.</p>"
        f"{sections}</html>"
    )


def _operation(
    path: str, method: str, operation: dict[str, Any], schema: dict[str, Any], root: str
) -> str:
    fields = _fields(operation["responses"].get("200", {}), schema)
    title = f"<code>{method.upper()} {escape(root + path)}</code>"
    # A path that needs a parameter answers an error without it.
    if method == "get" and not any(each["required"] for each in operation.get("parameters", [])):
        title = f'<a href=".{escape(path)}">{title}</a>'
    return (
        f"<h2>{title}</h2>"
        f"<p>{_prose(operation.get('description', ''))}</p>"
        + _table(
            "Parameter",
            [
                (each["name"], _meaning(each, each["schema"]))
                for each in operation.get("parameters", [])
            ],
        )
        + _table(
            "Field of the body",
            [(name, _meaning(each, each)) for name, each in _body(operation).items()],
        )
        + _table("Field", [(name, _meaning(each, each)) for name, each in fields.items()])
        + _table(
            "Header of the answer",
            [
                (name, each["description"])
                for name, each in operation["responses"].get("200", {}).get("headers", {}).items()
            ],
        )
        + _table(
            "Status",
            [(code, each["description"]) for code, each in operation["responses"].items()],
        )
    )


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    found: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return dict(found.get("properties", {}))


def _fields(response: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    shape = response.get("content", {}).get("application/json", {}).get("schema", {})
    reference = shape.get("items", shape).get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["components"]["schemas"].get(reference, {}).get("properties", {})
    return found


def _meaning(described: dict[str, Any], shape: dict[str, Any]) -> str:
    kinds = [each.get("type", "") for each in shape.get("anyOf", [shape])]
    default = f", default {shape['default']}" if shape.get("default") not in (None, "") else ""
    text = described.get("description", "")
    return f"{' or '.join(filter(None, kinds))}{default}" + (f": {text}" if text else "")


def _table(head: str, lines: list[tuple[str, str]]) -> str:
    if not lines:
        return ""
    body = "".join(f"<tr><td><code>{escape(name)}</code><td>{_prose(text)}" for name, text in lines)
    return f"<table><tr><th>{head}<th>Meaning{body}</table>"


def _prose(text: str) -> str:
    """A description as HTML: what stands between backquotes is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))
