"""Asset URLs and the signatures in them."""

from __future__ import annotations

import pytest

from labelbox_airflow.engine.rows.urls import AssetUrlError, asset_url, bucket_uri, looks_like_url, strip_signature

AWS4 = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260301&X-Amz-Date=20260301T000000Z&X-Amz-Expires=3600"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature=SECRET"
)
AWS2 = "AWSAccessKeyId=AK&Signature=SECRET%3D&Expires=1772323200"
GOOGLE4 = "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a%40b&X-Goog-Expires=60&X-Goog-Signature=SECRET"
GOOGLE2 = "GoogleAccessId=a@b&Expires=1772323200&Signature=SECRET"
AZURE = "sv=2024-11-04&st=2026-03-01&se=2026-03-02&sr=b&sp=r&skoid=1&sktid=2&sig=SECRET%3D"
CLOUDFRONT = "Policy=P&Signature=SECRET&Key-Pair-Id=K"
SIGNATURES = [AWS4, AWS2, GOOGLE4, GOOGLE2, AZURE, CLOUDFRONT, AWS4.lower()]


def refused(value: str, **settings: object) -> AssetUrlError:
    with pytest.raises(AssetUrlError) as caught:
        asset_url(value, **{"s3_region": None, "presigned": False, **settings})  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("query", SIGNATURES)
def test_presigned_urls_are_refused_and_their_signature_not_told(query: str) -> None:
    error = refused(f"https://bucket.example.com/a.jpg?{query}")
    assert error.code == "presigned_url"
    assert "secret" not in str(error).lower()
    assert asset_url(f"https://b.example/a?{query}", s3_region=None, presigned=True).endswith(query)


@pytest.mark.parametrize("query", SIGNATURES)
def test_only_the_signature_is_stripped(query: str) -> None:
    assert strip_signature(f"https://h/a.jpg?{query}") == "https://h/a.jpg"
    assert strip_signature(f"https://h/a.jpg?v=1&{query}") == "https://h/a.jpg?v=1"
    assert strip_signature(f"https://h/a.jpg?{query}&v=2#top") == "https://h/a.jpg?v=2#top"
    assert strip_signature(f"https://h/a.jpg?v=1&{query}&w=2") == "https://h/a.jpg?v=1&w=2"


@pytest.mark.parametrize("query", SIGNATURES)
def test_every_url_in_a_text_is_stripped(query: str) -> None:
    text = f'{{"a":"https://h/1?{query}","b":["gs://h/2?x=1&{query}"]}} see <https://h/3?{query}>, https://h/#f?{query}'
    stripped = '{"a":"https://h/1","b":["gs://h/2?x=1"]} see <https://h/3>, https://h/#f'
    assert strip_signature(text) == stripped


@pytest.mark.parametrize(
    "text",
    [
        "https://h/a?st=1&se=2&sp=3",
        "https://h/a?",
        "https://[not-ipv6?x=1",
        "is it? see http://x",
        "signature?sig=1",
        "",
        "https://h/a?b&&c=",
    ],
)
def test_text_without_a_signature_stays(text: str) -> None:
    assert strip_signature(text) == text


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a+b c.jpg", "a%2Bb%20c.jpg"),
        ("100%.jpg", "100%25.jpg"),
        ("a%20b", "a%2520b"),
        ("/leading", "/leading"),
        ("a//b", "a//b"),
        ("Straße/日本.jpg", "Stra%C3%9Fe/%E6%97%A5%E6%9C%AC.jpg"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("q?X-Amz-Signature=1", "q%3FX-Amz-Signature%3D1"),
        ("\U0001f4f7\u2028.jpg", "%F0%9F%93%B7%E2%80%A8.jpg"),
    ],
)
@pytest.mark.parametrize("scheme", ["s3", "S3", "s3a", "s3n"])
def test_s3_becomes_the_https_url_of_the_region(scheme: str, key: str, path: str) -> None:
    url = asset_url(f"{scheme}://bucket/{key}", s3_region="eu-west-1", presigned=False)
    assert url == f"https://bucket.s3.eu-west-1.amazonaws.com/{path}"


def test_s3_in_china_has_a_domain_of_its_own() -> None:
    assert (
        asset_url("s3://b/k", s3_region="cn-north-1", presigned=False) == "https://b.s3.cn-north-1.amazonaws.com.cn/k"
    )


def test_s3_without_a_region_says_what_to_set() -> None:
    error = refused("s3://bucket/key")
    assert error.code == "s3_url"
    assert "rows.s3_region" in str(error)


@pytest.mark.parametrize("value", ["s3://bucket", "s3://bucket/", "s3:///key", "s3://"])
def test_s3_without_an_object_is_refused(value: str) -> None:
    assert refused(value, s3_region="eu-west-1").code == "bad_url"


@pytest.mark.parametrize(
    "value",
    ["https://h/a.jpg", "http://127.0.0.1:8333/b/a", "gs://bucket/ü.jpg", "HTTPS://H/A?x=1&y=%20", "https://h/{z}/{x}"],
)
def test_https_and_gs_stay_as_they_are(value: str) -> None:
    assert asset_url(value, s3_region=None, presigned=False) == value


@pytest.mark.parametrize(
    "value",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "C:\\data\\a.jpg",
        "abfs://c/a",
        "ftp://h/a",
        "https:/h/a",
        "data:image/png;base64,AAAA",
        "",
        "https://",
        "https:///a.jpg",
        "gs://",
        "https://h/a b.jpg",
        "https://h/a\n",
        "https://h/#1",
        "https://h/a|b",
        "https://h/<a>",
        "https://h/a\u2028b",
    ],
)
def test_what_labelbox_cannot_read_is_refused(value: str) -> None:
    assert refused(value).code == "bad_url"


@pytest.mark.parametrize(
    ("value", "is_url"),
    [
        ("https://h/a", True),
        ("gs://b/a", True),
        ("s3a://b/a", True),
        ("file:///a", True),
        ("See http://h for more", False),
        ("text", False),
        ("/local/path", False),
        ("://x", False),
        (" https://h/a", False),
    ],
)
def test_urls_are_told_from_text(value: str, is_url: bool) -> None:
    assert looks_like_url(value) is is_url


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://photos.s3.eu-central-1.amazonaws.com/a/b%20c.jpg", "s3://photos/a/b c.jpg"),
        ("https://my.photos.s3.amazonaws.com/a.jpg", "s3://my.photos/a.jpg"),
        ("https://photos.s3-us-west-2.amazonaws.com/a.jpg", "s3://photos/a.jpg"),
        ("https://photos.s3.cn-north-1.amazonaws.com.cn/a.jpg", "s3://photos/a.jpg"),
        ("https://storage.googleapis.com/photos/a/b.jpg", "gs://photos/a/b.jpg"),
        ("https://photos.s3.amazonaws.com/a.jpg?X-Amz-Signature=0", None),
        ("https://s3.amazonaws.com.example.com/photos/a.jpg", None),
        ("https://photos.s3.amazonaws.com.example.com/a.jpg", None),
        ("https://example.com/photos/a.jpg", None),
        ("gs://photos/a.jpg", None),
    ],
)
def test_urls_of_buckets_are_told_from_others(url: str, uri: str | None) -> None:
    assert bucket_uri(url) == uri
