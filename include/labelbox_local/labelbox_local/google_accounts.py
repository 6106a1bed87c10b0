"""The service accounts of the local Google store: their keys, and the access tokens that are given for them."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from labelbox_local.service import write_private

Account = dict[str, str]

_FILE = "accounts.json"
_RIGHTS = ("all", "read", "none")


def read_or_make_accounts(directory: Path) -> dict[str, Account]:
    """Return the key files of the accounts by their rights; a directory keeps those that were made first."""
    file = directory / _FILE
    if not file.exists():
        write_private(file, json.dumps({rights: _account(rights) for rights in _RIGHTS}))
    accounts: dict[str, Account] = json.loads(file.read_text())
    return accounts


def _account(rights: str) -> Account:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "type": "service_account",
        "project_id": "labelbox-local",
        "private_key_id": secrets.token_hex(20),
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": f"{rights}@labelbox-local.iam.gserviceaccount.com",
        "client_id": str(secrets.randbelow(10**20)),
    }


class Tokens:
    """Access tokens, given for assertions that an account has signed."""

    def __init__(self, accounts: dict[str, Account]) -> None:
        self._keys = {account["client_email"]: _public_key(account) for account in accounts.values()}
        self._emails = {account["client_email"]: rights for rights, account in accounts.items()}
        self._given: dict[str, str] = {}

    def give(self, assertion: str) -> dict[str, Any]:
        """Return the answer to a request for a token. Raises: ValueError: no account of ours has signed it."""
        from google.auth import jwt

        email = jwt.decode(assertion, verify=False)["iss"]
        if email not in self._keys:
            raise ValueError("Invalid grant: account not found")
        jwt.decode(assertion, certs=self._keys[email])
        token = secrets.token_urlsafe(24)
        self._given[token] = self._emails[email]
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def rights(self, authorization: str) -> str | None:
        """Return the rights of whoever sends this header, None when nobody is known by it."""
        return self._given.get(authorization.removeprefix("Bearer "))


def _public_key(account: Account) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = load_pem_private_key(account["private_key"].encode(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
