"""Files: what was uploaded to the stand-in and what its batches made, kept in memory within bounds."""

from collections import OrderedDict
from dataclasses import dataclass
from email.message import Message
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from proxy.standin.plain import Asking, Reply, object_reply
from proxy.standin.protocol import CREATED, WrongRequestError

KEPT_MAX: Final = 10_000
KEPT_BYTES_MAX: Final = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    id: str
    name: str
    purpose: str
    content: bytes

    def told(self) -> dict[str, Any]:
        """The file object; `sha256` is the stand-in's own addition, to compare bytes by."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": CREATED,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "sha256": sha256(self.content).hexdigest(),
        }


class Files:
    """The oldest go first."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, File] = OrderedDict()
        self._parts: OrderedDict[str, tuple[dict[str, Any], dict[str, bytes]]] = OrderedDict()
        self._bytes = 0

    def keep(self, name: str, purpose: str, content: bytes) -> File:
        file = File(f"file-{uuid4().hex[:24]}", name, purpose, content)
        self._files[file.id] = file
        self._bytes += len(content)
        while len(self._files) > 1 and (len(self._files) > KEPT_MAX or self._bytes > KEPT_BYTES_MAX):
            _, oldest = self._files.popitem(last=False)
            self._bytes -= len(oldest.content)
        return file

    def find(self, id_: str) -> File:
        """Raises WrongRequestError."""
        file = self._files.get(id_)
        if file is None:
            raise WrongRequestError(f"No such File object: {id_}", status=404, param="id")
        return file

    def upload(self, asking: Asking) -> Reply:
        parts = form(asking)
        name, content = parts.get("file", ("", b""))
        if not name:
            raise WrongRequestError("you must provide a file", param="file")
        return object_reply(self.keep(name, parts.get("purpose", ("", b""))[1].decode(), content).told())

    def list(self, asking: Asking) -> Reply:
        rows = [file.told() for file in reversed(self._files.values())]
        ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {"first_id": None, "last_id": None}
        return object_reply({"object": "list", "data": rows, "has_more": False, **ends})

    def one(self, asking: Asking) -> Reply:
        return object_reply(self.find(asking.path["id"]).told())

    def delete(self, asking: Asking) -> Reply:
        file = self.find(asking.path["id"])
        del self._files[file.id]
        self._bytes -= len(file.content)
        return object_reply({"id": file.id, "object": "file", "deleted": True})

    def content(self, asking: Asking) -> Reply:
        return Reply(self.find(asking.path["id"]).content, b"application/octet-stream")

    def begin(self, asking: Asking) -> Reply:
        """An upload in parts."""
        asked = asking.json()
        told = {
            "id": f"upload_{uuid4().hex[:24]}",
            "object": "upload",
            "bytes": asked.get("bytes", 0),
            "created_at": CREATED,
            "filename": asked.get("filename", ""),
            "purpose": asked.get("purpose", ""),
            "status": "pending",
            "expires_at": CREATED + 3600,
        }
        self._parts[told["id"]] = (told, {})
        if len(self._parts) > KEPT_MAX:
            self._parts.popitem(last=False)
        return object_reply(told)

    def part(self, asking: Asking) -> Reply:
        told, parts = self._upload(asking)
        id_ = f"part_{uuid4().hex[:24]}"
        parts[id_] = form(asking).get("data", ("", b""))[1]
        return object_reply({"id": id_, "object": "upload.part", "created_at": CREATED, "upload_id": told["id"]})

    def complete(self, asking: Asking) -> Reply:
        told, parts = self._upload(asking)
        named = asking.json().get("part_ids", [])
        if not all(id_ in parts for id_ in named):
            raise WrongRequestError("no such part", param="part_ids")
        file = self.keep(told["filename"], told["purpose"], b"".join(parts[id_] for id_ in named))
        del self._parts[told["id"]]
        return object_reply({**told, "status": "completed", "file": file.told()})

    def cancel(self, asking: Asking) -> Reply:
        told, _ = self._upload(asking)
        del self._parts[told["id"]]
        return object_reply({**told, "status": "cancelled"})

    def _upload(self, asking: Asking) -> tuple[dict[str, Any], dict[str, bytes]]:
        found = self._parts.get(asking.path["id"])
        if found is None:
            raise WrongRequestError("No such Upload object", status=404, param="id")
        return found


def form(asking: Asking) -> dict[str, tuple[str, bytes]]:
    """The fields of a multipart form: file name and bytes of each. Raises WrongRequestError."""
    announced = Message()
    announced["content-type"] = asking.headers.get("content-type", "")
    boundary = announced.get_boundary()
    if announced.get_content_type() != "multipart/form-data" or not boundary:
        raise WrongRequestError("the body must be multipart/form-data")
    fields: dict[str, tuple[str, bytes]] = {}
    for piece in (b"\r\n" + asking.body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        stated = Message()
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            stated[name.strip()] = value.strip()
        field = stated.get_param("name", "", "content-disposition")
        fields[str(field)] = (stated.get_filename() or "", content)
    return fields
