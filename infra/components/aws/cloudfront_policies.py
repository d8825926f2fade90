"""CloudFront's own policies, whose ids are the same in every account (witness: aws-cdk-lib, see docs/verify.md)."""

CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""Managed-CachingOptimized: the path and the normalised Accept-Encoding are the key; no cookies, no query strings."""

SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""Managed-SecurityHeadersPolicy."""
