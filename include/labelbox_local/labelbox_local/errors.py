"""Errors of the platform, named by the codes the Labelbox SDK knows (lbox/request_client.py)."""

from __future__ import annotations


class PlatformError(Exception):
    """An error answered to the client with `extensions.code`."""

    code = "INTERNAL_SERVER_ERROR"


class AuthenticationError(PlatformError):
    code = "AUTHENTICATION_ERROR"


class NotFoundError(PlatformError):
    code = "RESOURCE_NOT_FOUND"


class ConflictError(PlatformError):
    code = "RESOURCE_CONFLICT"


class MalformedRequestError(PlatformError):
    code = "MALFORMED_REQUEST"


class RowError(Exception):
    """Why one data row of a bulk request fails; the rest of the request goes on."""
