//! The body of a write and the data in it.

use std::sync::Arc;
use std::time::Duration;

use arca_base::json::{Limits, Object};
use arca_base::{Json, Operation};
use arca_core::Fault;
use arca_core::snapshot::UploadSender;
use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, EXPECT};
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;

use super::{BodyMemory, Origin, query};
use crate::http::within;

const MERGE_PATCH: &str = "application/merge-patch+json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Bodies up to this size are not counted: there can be one for each connection.
const SMALL: usize = 64 << 10;
/// Most bytes taken in of a body that nobody asks for.
const SKIPPED: usize = 256 << 10;
/// How long a large body waits for memory.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// Whether the type of the body is one the operation takes.
///
/// # Errors
/// 400 without a type where one is needed, 415 for another.
pub(super) fn check_type(operation: Operation, headers: &HeaderMap) -> Result<(), Fault> {
    if operation != Operation::Patch {
        return Ok(());
    }
    match media_type(headers) {
        None => Err(Fault::invalid(format!(
            "PATCH requires a Content-Type: {MERGE_PATCH}"
        ))),
        Some(given) if given.eq_ignore_ascii_case(MERGE_PATCH) => Ok(()),
        Some(given) => Err(Fault::wrong_media_type(format!(
            "PATCH requires Content-Type of {MERGE_PATCH}, provided {given}"
        ))),
    }
}

/// The media type without its parameters; `None` if it is missing or has no form.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim();
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    essence
        .split_once('/')
        .filter(|(kind, subtype)| is_token(kind) && is_token(subtype))
        .map(|_| essence)
}

/// Reads a body within its limits of size and time.
///
/// # Errors
/// 413 for a body that is too large, 400 for one that breaks off or does not come.
pub(super) async fn read<B>(
    body: &mut B,
    headers: &HeaderMap,
    origin: &Origin<'_>,
) -> Result<(Bytes, BodyMemory), Fault>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    let reading = collect(body, headers, origin);
    let read = within(origin.clock, origin.body_timeout, reading).await;
    read.unwrap_or_else(|| {
        let limit = origin.body_timeout.unwrap_or_default();
        Err(Fault::invalid(format!(
            "the request body did not arrive within {limit:?}"
        )))
    })
}

async fn collect<B>(
    body: &mut B,
    headers: &HeaderMap,
    origin: &Origin<'_>,
) -> Result<(Bytes, BodyMemory), Fault>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let limit = origin.limits.body_bytes;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        if !waits_for_leave(headers) {
            discard(body, limit).await;
        }
        return Err(Fault::too_large());
    }
    let mut memory = None;
    if announced > SMALL {
        memory = Some(account(announced, origin).await?);
    }
    let mut whole = BytesMut::new();
    while let Some(data) = next(body).await? {
        let length = whole.len() + data.len();
        if length > limit {
            drop(whole);
            discard(body, limit).await;
            return Err(Fault::too_large());
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok((data, memory));
        }
        if memory.is_none() && length > SMALL {
            memory = Some(account(limit, origin).await?);
        }
        whole.reserve(announced.saturating_sub(whole.len()).max(data.len()));
        whole.extend_from_slice(&data);
    }
    Ok((whole.freeze(), memory))
}

/// Takes in and forgets a body that nobody asks for, unless it is large: a client that sends before it listens then
/// gets to see the answer, and the connection lives on.
pub(super) async fn skip<B>(body: &mut B, headers: &HeaderMap, origin: &Origin<'_>)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    if !body.is_end_stream() && !waits_for_leave(headers) {
        within(origin.clock, origin.body_timeout, discard(body, SKIPPED)).await;
    }
}

/// Passes a body on, as fast as it is taken. The limit of time is for each piece.
pub(super) async fn pass_on<B>(body: &mut B, to: UploadSender, origin: &Origin<'_>)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    loop {
        match within(origin.clock, origin.body_timeout, next(body)).await {
            Some(Ok(Some(bytes))) => {
                if !to.send(bytes).await {
                    return;
                }
            }
            Some(Ok(None)) => return to.end().await,
            // It has broken off, which is what whoever waits for more is told.
            Some(Err(_)) | None => return,
        }
    }
}

/// Whether the client sends its body only when told to; it gets its answer without having sent.
fn waits_for_leave(headers: &HeaderMap) -> bool {
    headers.contains_key(EXPECT)
}

/// The next bytes; trailers are passed over.
async fn next<B>(body: &mut B) -> Result<Option<Bytes>, Fault>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Fault::invalid("the request body broke off or is malformed")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads on without keeping, so that a client that sends before it listens gets to see the answer.
async fn discard<B>(body: &mut B, most: usize)
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut left = most;
    while let Ok(Some(data)) = next(body).await {
        match left.checked_sub(data.remaining()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Waits until there is memory for a large body. It is taken at once, so that two halves cannot wait for each other.
async fn account(bytes: usize, origin: &Origin<'_>) -> Result<OwnedSemaphorePermit, Fault> {
    let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
    let permits = Arc::clone(origin.body_memory).acquire_many_owned(kib);
    match within(origin.clock, Some(MEMORY_WAIT), permits).await {
        Some(Ok(permits)) => Ok(permits),
        _ => Err(Fault::unavailable("too many large requests at a time; try again")),
    }
}

/// The data in a body: a JSON object, or a form if it says so and does not look like JSON.
///
/// # Errors
/// 400 with what is wrong, never with what is written there.
pub(super) fn data(bytes: &[u8], headers: &HeaderMap, limits: &Limits) -> Result<Object, Fault> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let Some(first) = first else {
        return Ok(Object::new());
    };
    let is_form = || media_type(headers).is_some_and(|given| given.eq_ignore_ascii_case(FORM));
    if !matches!(first, b'{' | b'[') && is_form() {
        let form = std::str::from_utf8(bytes).ok().and_then(query::form);
        return form
            .ok_or_else(|| Fault::invalid("error parsing form data: not UTF-8 text in percent-encoding"));
    }
    let wrong =
        |reason: &dyn std::fmt::Display| Fault::invalid(format!("failed to decode JSON input: {reason}"));
    match Json::parse(bytes, limits).map_err(|error| wrong(&error))? {
        Json::Object(members) => Ok(members),
        Json::Null => Ok(Object::new()),
        other => Err(wrong(&format_args!("expected an object, found {}", other.kind()))),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http_body_util::Full;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::RequestLimits;

    async fn read_with(memory: &Arc<Semaphore>, size: usize) -> Result<(Bytes, BodyMemory), u16> {
        let limits = RequestLimits::default();
        let origin = Origin {
            limits: &limits,
            body_timeout: Some(Duration::from_secs(30)),
            clock: &SystemClock::new(),
            body_memory: memory,
        };
        let mut body = Full::new(Bytes::from(vec![b'x'; size]));
        let read = read(&mut body, &HeaderMap::new(), &origin).await;
        read.map_err(|fault| fault.class().status())
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_memory_and_small_ones_do_not() {
        let memory = Arc::new(Semaphore::new(150));
        let (body, first) = read_with(&memory, 100 << 10).await.unwrap();
        assert_eq!((body.len(), memory.available_permits()), (100 << 10, 50));
        assert_eq!(read_with(&memory, 100 << 10).await.unwrap_err(), 503);
        assert!(read_with(&memory, SMALL).await.unwrap().1.is_none());
        let (waiting, ()) = tokio::join!(read_with(&memory, 100 << 10), async {
            tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>())
                .await
                .unwrap_err();
            drop(first);
        });
        assert!(waiting.is_ok());
    }

    fn typed(content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        headers
    }

    fn read_as(content_type: &'static str, body: &str) -> Result<String, String> {
        let data = data(body.as_bytes(), &typed(content_type), &Limits::default());
        data.map(|data| Json::Object(data).to_text().into_string())
            .map_err(|fault| fault.text().to_owned())
    }

    #[test]
    fn json_is_json_whatever_it_is_called() {
        for content_type in ["", "application/json", FORM, "text/plain", "nonsense"] {
            assert_eq!(
                read_as(content_type, " {\"a\":1.0}\n").unwrap(),
                "{\"a\":1.0}",
                "{content_type}"
            );
            assert_eq!(read_as(content_type, "").unwrap(), "{}");
            assert_eq!(read_as(content_type, " \n").unwrap(), "{}");
        }
        assert_eq!(read_as("", "null").unwrap(), "{}");
        assert_eq!(read_as("", r#"{"a":1,"a":2}"#).unwrap(), r#"{"a":2}"#);
        assert_eq!(
            read_as("", r#"{"n":123456789012345678901234567890}"#).unwrap(),
            r#"{"n":123456789012345678901234567890}"#
        );
    }

    #[test]
    fn forms_are_forms_when_they_say_so() {
        assert_eq!(read_as(FORM, "a=1&b=x+y").unwrap(), r#"{"a":"1","b":"x y"}"#);
        assert_eq!(
            read_as("Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=1").unwrap(),
            r#"{"a":"1"}"#
        );
        assert!(
            read_as(FORM, "a=%zz")
                .unwrap_err()
                .starts_with("error parsing form data")
        );
        assert!(
            read_as("", "a=1")
                .unwrap_err()
                .starts_with("failed to decode JSON input")
        );
    }

    #[test]
    fn what_is_no_object_is_refused_without_being_quoted() {
        for (body, reason) in [
            ("[\"canary\"]", "expected an object, found a list"),
            ("\"canary\"", "expected an object, found a string"),
            ("{\"a\":\"canary\"", "unexpected end of JSON input"),
            ("{\"a\":\"canary\"} {}", "trailing data"),
            ("{\"a\":canary}", "invalid character at byte 5"),
        ] {
            let text = read_as("", body).unwrap_err();
            assert!(
                text.starts_with("failed to decode JSON input: ") && text.contains(reason),
                "{text}"
            );
            assert!(!text.contains("canary"), "{text}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65));
        assert!(read_as("", &deep).unwrap_err().contains("levels deep"));
    }

    #[test]
    fn patches_have_one_type() {
        let check = |content_type| {
            check_type(Operation::Patch, &typed(content_type))
                .map_err(|fault| (fault.class().status(), fault.text().to_owned()))
        };
        assert!(check(MERGE_PATCH).is_ok());
        assert!(check("application/merge-patch+json; charset=utf-8").is_ok());
        for missing in ["", "nonsense", "/", "a/"] {
            assert_eq!(check(missing).unwrap_err().0, 400, "{missing}");
        }
        let other = "PATCH requires Content-Type of application/merge-patch+json, provided application/json";
        assert_eq!(check("application/json; x=y"), Err((415, other.to_owned())));
        assert!(check_type(Operation::Update, &typed("")).is_ok());
    }
}
