"""Uploads as forms (RFC 7578), byte by byte."""

from __future__ import annotations

FORM = {"content-type": "multipart/form-data; boundary=edge"}
END = b"--edge--\r\n"


def key(name):
    return {"authorization": f"Bearer {name}"}


def part(name, value, filename=None, content_type=None):
    head = f'--edge\r\ncontent-disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if content_type is not None:
        head += f"\r\ncontent-type: {content_type}"
    value = value.encode() if isinstance(value, str) else value
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


def form(content=b'{"a":1}\n', filename="in.jsonl", purpose="batch", *, first=(), last=(), content_type=None):
    fields = b"".join(part(name, value) for name, value in first)
    if purpose is not None:
        fields += part("purpose", purpose)
    fields += part("file", content, filename, content_type)
    return fields + b"".join(part(name, value) for name, value in last) + END


async def upload(client, who="ann", *, path="/v1/files", query="", headers=None, **said):
    fields = {**FORM, **key(who), **(headers or {})}
    return await client.request("POST", path, content=form(**said), headers=fields, query=query)
