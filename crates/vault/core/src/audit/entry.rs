//! What stands in an entry, and in which order.
//!
//! One JSON object on a line: `time`, `type`, `auth`, `request`, for an answer `response`, and `error`. Members without a
//! value are left out. Beside what existing readers know, `response` has `http_status`, `duration_us` and, for a
//! denial, `deny_reason`. Built by hand: this is the hot path of every request.

use std::fmt::Write as _;

use arca_base::json::{Object, push_string};
use arca_base::{Operation, Timestamp, Ttl};

use super::device::Device;
use super::fragment::{
    all_policies, auth_tail, push_accessor, push_list, push_list_member, push_text_member,
};
use super::redact::Redacted;
use crate::engine::{Caller, ClientInfo};
use crate::namespaces::Namespace;
use crate::router::Mount;
use crate::tokens::Token;
use crate::web::{RequestHeaders, is_credential};

/// What is known of a request when an entry is written.
pub struct Entry<'a> {
    /// When the entry is written.
    pub time: Timestamp,
    /// Identifies the request.
    pub request_id: &'a str,
    /// What is done.
    pub operation: Operation,
    /// Where.
    pub path: &'a str,
    /// The namespace.
    pub namespace: &'a Namespace,
    /// The mount that answers, if there is one.
    pub mount: Option<&'a Mount>,
    /// Body or query.
    pub data: Option<&'a Object>,
    /// Who is asking.
    pub caller: Option<&'a Caller>,
    /// Policies the caller's identity adds.
    pub identity_policies: &'a [String],
    /// Policies that allowed the request; `None` where none were asked.
    pub granted_by: Option<&'a [String]>,
    /// Where the request comes from.
    pub client: Option<&'a ClientInfo>,
    /// How long the caller wants the answer wrapped.
    pub wrap_ttl: Option<Ttl>,
    /// Headers that stand in the entry.
    pub headers: Option<AuditedHeaders<'a>>,
    /// Why it is refused.
    pub error: Option<&'a str>,
}

/// Headers of a request that were kept, and which of them are audited.
#[derive(Clone, Copy)]
pub struct AuditedHeaders<'a> {
    /// The headers.
    pub headers: &'a RequestHeaders,
    /// Names, and whether their values are hashed.
    pub audited: &'a [(String, bool)],
}

/// How a request ended.
pub struct Outcome<'a> {
    /// HTTP status.
    pub status: u16,
    /// Microseconds since the request was admitted.
    pub duration_us: u64,
    /// Why it was denied.
    pub deny_reason: Option<&'a str>,
    /// What the answer holds.
    pub response: ResponsePart<'a>,
    /// Warnings of the answer.
    pub warnings: &'a [String],
}

/// What an answer holds.
pub enum ResponsePart<'a> {
    /// Nothing.
    Nothing,
    /// Data, as canonical JSON text, and the lease it has.
    Data {
        /// The text.
        text: &'a str,
        /// The lease, or empty.
        lease_id: &'a str,
    },
    /// Names in a folder, as canonical JSON text.
    Listing {
        /// The text.
        text: &'a str,
        /// How many there are.
        count: usize,
    },
    /// A token that was made or renewed.
    Token {
        /// What is known of it.
        token: &'a Token,
        /// The token itself, where the caller gets it.
        secrets: Secrets<'a>,
        /// Policies its identity adds.
        identity_policies: &'a [String],
    },
    /// The answer is kept for somebody else.
    Wrapped {
        /// The wrapping token.
        secrets: Secrets<'a>,
        /// Its accessor.
        accessor: &'a str,
        /// How long it is kept.
        ttl: Ttl,
        /// When it was made.
        creation_time: Timestamp,
        /// What was asked for.
        creation_path: &'a str,
        /// Accessor of a token inside.
        wrapped_accessor: &'a str,
    },
    /// A body of its own shape.
    Raw(&'a str),
}

/// A token that stands in an answer.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    /// The token, or empty.
    pub client_token: &'a str,
}

impl<'a> Entry<'a> {
    /// What is written to a new device before it is used.
    pub(super) fn test(request_id: &'a str, time: Timestamp) -> Entry<'a> {
        static ROOT: std::sync::LazyLock<Namespace> = std::sync::LazyLock::new(Namespace::root);
        Entry {
            time,
            request_id,
            operation: Operation::Update,
            path: "sys/audit/test",
            namespace: &ROOT,
            mount: None,
            data: None,
            caller: None,
            identity_policies: &[],
            granted_by: None,
            client: None,
            wrap_ttl: None,
            headers: None,
            error: None,
        }
    }
}

pub(super) fn request_line(device: &Device, entry: &Entry<'_>, line: &mut Redacted) {
    let out = line.plain();
    push_start("request", entry.time, out);
    push_auth_and_request(device, entry, out);
    push_end(entry.error, out);
}

pub(super) fn response_line(device: &Device, entry: &Entry<'_>, outcome: &Outcome<'_>, line: &mut Redacted) {
    let out = line.plain();
    push_start("response", entry.time, out);
    push_auth_and_request(device, entry, out);
    out.push_str(",\"response\":{");
    let _ = write!(
        out,
        "\"http_status\":{},\"duration_us\":{}",
        outcome.status, outcome.duration_us
    );
    push_text_member("deny_reason", outcome.deny_reason.unwrap_or_default(), out);
    if let Some(mount) = entry.mount {
        push_mount(mount, "mount_running_plugin_version", out);
    }
    push_response(device, entry, outcome, out);
    push_list_member("warnings", outcome.warnings, out);
    out.push('}');
    push_end(entry.error, out);
}

fn push_start(kind: &str, time: Timestamp, out: &mut String) {
    let _ = write!(out, "{{\"time\":\"{time}\",\"type\":\"{kind}\"");
}

fn push_end(error: Option<&str>, out: &mut String) {
    push_text_member("error", error.unwrap_or_default(), out);
    out.push_str("}\n");
}

fn push_auth_and_request(device: &Device, entry: &Entry<'_>, out: &mut String) {
    let fragment = entry
        .caller
        .map(|caller| device.fragments.of(device, caller, entry.identity_policies));
    out.push_str(",\"auth\":{");
    match &fragment {
        Some(fragment) => {
            out.push_str(&fragment.auth_head);
            push_policy_results(entry, out);
            out.push_str(&fragment.auth_tail);
        }
        None => out.push_str("\"token_type\":\"default\""),
    }
    out.push_str("},\"request\":{\"id\":");
    push_string(entry.request_id, out);
    if let Some(fragment) = &fragment {
        push_text_member("client_id", &fragment.client_id, out);
    }
    push_text_member("operation", entry.operation.as_str(), out);
    if let Some(mount) = entry.mount {
        push_mount(mount, "mount_running_version", out);
    }
    if let Some(fragment) = &fragment {
        out.push(',');
        out.push_str(&fragment.request_token);
    }
    out.push_str(",\"namespace\":{");
    let _ = write!(out, "\"id\":\"{}\"", entry.namespace.id);
    push_text_member("path", &entry.namespace.path, out);
    out.push('}');
    push_text_member("path", entry.path, out);
    push_request_data(device, entry, out);
    push_client(entry, out);
    if let Some(headers) = entry.headers {
        push_headers(device, headers, out);
    }
    out.push('}');
}

/// Policies are those of the namespace of the token.
fn push_policy_results(entry: &Entry<'_>, out: &mut String) {
    let (Some(granted_by), Some(caller)) = (entry.granted_by, entry.caller) else {
        return;
    };
    let namespace = &caller.home.namespace;
    out.push_str(",\"policy_results\":{\"allowed\":");
    if granted_by.is_empty() {
        out.push_str("false}");
        return;
    }
    out.push_str("true,\"granting_policies\":[");
    for (index, name) in granted_by.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str("{\"name\":");
        push_string(name, out);
        let _ = write!(out, ",\"namespace_id\":\"{}\"", namespace.id);
        push_text_member("namespace_path", &namespace.path, out);
        out.push_str(",\"type\":\"acl\"}");
    }
    out.push_str("]}");
}

fn push_mount(mount: &Mount, version_key: &str, out: &mut String) {
    out.push_str(",\"mount_point\":");
    match mount.class {
        crate::router::Class::Secret => push_string(&mount.path, out),
        crate::router::Class::Auth => push_string(&mount.full_path(), out),
    }
    push_text_member("mount_type", &mount.kind, out);
    push_text_member("mount_accessor", &mount.accessor, out);
    push_text_member(version_key, crate::version::ENGINE_VERSION, out);
    push_text_member("mount_class", mount.class.as_str(), out);
}

fn push_request_data(device: &Device, entry: &Entry<'_>, out: &mut String) {
    let Some(data) = entry.data.filter(|data| !data.is_empty()) else {
        return;
    };
    let clear = entry
        .mount
        .map_or(&[][..], |mount| &mount.config.audit_non_hmac_request_keys);
    out.push_str(",\"data\":");
    device.redactor.push_object(data, clear, out);
}

fn push_client(entry: &Entry<'_>, out: &mut String) {
    if let Some(address) = entry.client.and_then(|client| client.address) {
        let _ = write!(
            out,
            ",\"remote_address\":\"{}\",\"remote_port\":{}",
            address.ip(),
            address.port()
        );
    }
    if let Some(ttl) = entry.wrap_ttl {
        let _ = write!(out, ",\"wrap_ttl\":{}", ttl.seconds());
    }
}

/// Appends the audited headers, each with all its values. Credentials are hashed whatever anybody configured.
fn push_headers(device: &Device, kept: AuditedHeaders<'_>, out: &mut String) {
    let mut separator = ",\"headers\":{";
    for (name, hmac) in kept.audited {
        let mut values = kept.headers.values(name).peekable();
        if values.peek().is_none() {
            continue;
        }
        out.push_str(separator);
        separator = ",";
        push_string(name, out);
        let mut before = ":[";
        for value in values {
            out.push_str(before);
            before = ",";
            if *hmac || is_credential(name) {
                push_string(&device.redactor.hash(value), out);
            } else {
                push_string(value, out);
            }
        }
        out.push(']');
    }
    if separator == "," {
        out.push('}');
    }
}

fn push_response(device: &Device, entry: &Entry<'_>, outcome: &Outcome<'_>, out: &mut String) {
    let clear = entry
        .mount
        .map_or(&[][..], |mount| &mount.config.audit_non_hmac_response_keys);
    match &outcome.response {
        ResponsePart::Nothing => {}
        ResponsePart::Data { text, lease_id } => {
            if !lease_id.is_empty() {
                out.push_str(",\"secret\":{\"lease_id\":");
                push_string(lease_id, out);
                out.push('}');
            }
            out.push_str(",\"data\":");
            device.redactor.push_text(text, clear, out);
        }
        ResponsePart::Listing { count, .. } if device.elides_lists() => {
            let _ = write!(out, ",\"data\":{{\"keys\":{count}}}");
        }
        ResponsePart::Listing { text, .. } => {
            out.push_str(",\"data\":");
            device.redactor.push_text(text, clear, out);
        }
        ResponsePart::Token {
            token,
            secrets,
            identity_policies,
        } => {
            push_token(device, token, *secrets, identity_policies, out);
        }
        ResponsePart::Wrapped { .. } => push_wrapped(device, &outcome.response, out),
        ResponsePart::Raw(body) => {
            out.push_str(",\"data\":{\"http_raw_body\":");
            device.redactor.push_string(body, out);
            out.push('}');
        }
    }
}

fn push_token(
    device: &Device,
    token: &Token,
    secrets: Secrets<'_>,
    identity_policies: &[String],
    out: &mut String,
) {
    out.push_str(",\"auth\":{\"policies\":");
    push_list(&all_policies(token, identity_policies), out);
    if !secrets.client_token.is_empty() {
        out.push_str(",\"client_token\":");
        device.redactor.push_string(secrets.client_token, out);
    }
    if !token.accessor.is_empty() {
        push_accessor(device, "accessor", &token.accessor, out);
    }
    push_text_member("display_name", &token.display_name, out);
    push_list_member("token_policies", &token.policies, out);
    push_list_member("identity_policies", identity_policies, out);
    if token.num_uses > 0 {
        let _ = write!(out, ",\"num_uses\":{}", token.num_uses);
    }
    out.push_str(&auth_tail(token));
    out.push('}');
}

fn push_wrapped(device: &Device, part: &ResponsePart<'_>, out: &mut String) {
    let ResponsePart::Wrapped {
        secrets,
        accessor,
        ttl,
        creation_time,
        creation_path,
        wrapped_accessor,
    } = part
    else {
        return;
    };
    let _ = write!(out, ",\"wrap_info\":{{\"ttl\":{},\"token\":", ttl.seconds());
    device.redactor.push_string(secrets.client_token, out);
    push_accessor(device, "accessor", accessor, out);
    let _ = write!(out, ",\"creation_time\":\"{creation_time}\",\"creation_path\":");
    push_string(creation_path, out);
    if !wrapped_accessor.is_empty() {
        push_accessor(device, "wrapped_accessor", wrapped_accessor, out);
    }
    out.push('}');
}
