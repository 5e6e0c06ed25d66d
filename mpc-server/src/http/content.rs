//! Whether a file of the page has changed, told by its content. Times don't tell: builds that can be
//! repeated and containers give every file the same.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest, Sha256};

/// Bytes of the longest file that has a tag. What is longer has its content's hash in its name, or is
/// always sent anew.
const MOST_BYTES: usize = 1 << 16;

/// Gives a file a tag that is its content's hash, and answers by it whether it has changed.
pub(super) async fn tag(mut request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let asked = request.headers_mut().remove(header::IF_NONE_MATCH);
    // What they ask is answered by times. Without the last two no part of one file is put behind a
    // part of another.
    for by_time in [
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
        header::IF_MATCH,
        header::IF_RANGE,
        header::RANGE,
    ] {
        request.headers_mut().remove(by_time);
    }
    let (mut parts, body) = next.run(request).await.into_parts();
    for by_time in [header::LAST_MODIFIED, header::ETAG, header::ACCEPT_RANGES] {
        parts.headers.remove(by_time);
    }
    let is_short = length(&parts.headers).is_some_and(|bytes| bytes <= MOST_BYTES);
    if !is_get || parts.status != StatusCode::OK || !is_short {
        return Response::from_parts(parts, body);
    }
    let Ok(bytes) = to_bytes(body, MOST_BYTES).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let hash = Base64UrlUnpadded::encode_string(&Sha256::digest(&bytes));
    let tag = format!("\"{hash}\"");
    let is_known = asked.is_some_and(|asked| names(&asked, &tag));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if !is_known {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    for of_body in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
    ] {
        parts.headers.remove(of_body);
    }
    Response::from_parts(parts, Body::empty())
}

fn length(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Says whether a list of tags has this one; a proxy that compresses marks it as weak.
fn names(list: &HeaderValue, tag: &str) -> bool {
    let list = list.to_str().unwrap_or_default();
    let mut tags = list.split(',').map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_lists() {
        let names = |list| names(&HeaderValue::from_static(list), "\"a\"");
        assert!(names("\"a\"") && names("\"b\", W/\"a\"") && names("*"));
        assert!(!names("\"b\"") && !names("a") && !names(""));
    }
}
