//! The parts of an entry that are the same in every entry of a token, kept per device.
//!
//! Eight of the fifteen hashes of a request and its answer are those of the token and its accessor. They are
//! computed once for each token and device, and again when the token or its identity's policies change.

use std::sync::Arc;

use arca_base::json::push_string;
use arca_crypto::digest::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use quick_cache::unsync::Cache;

use super::device::Device;
use crate::engine::Caller;
use crate::tokens::Token;

/// Tokens whose parts are kept.
const KEPT: usize = 1024;

/// The unchanging parts of a token's entries.
pub(super) struct Fragment {
    token: Arc<Token>,
    identity_policies: Vec<String>,
    /// Members of `auth` up to the policy results.
    pub(super) auth_head: String,
    /// Members of `auth` after the policy results.
    pub(super) auth_tail: String,
    /// `client_token` and `client_token_accessor` of `request`.
    pub(super) request_token: String,
    /// Identifies the client for counting.
    pub(super) client_id: String,
}

pub(super) struct Fragments(Mutex<Cache<String, Arc<Fragment>>>);

impl Default for Fragments {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(KEPT)))
    }
}

impl Fragments {
    /// The parts for `caller`, from the cache where they are still right.
    pub(super) fn of(&self, device: &Device, caller: &Caller, identity_policies: &[String]) -> Arc<Fragment> {
        // A device that logs tokens as they are must not keep them longer than the request does.
        if device.logs_raw() {
            return Arc::new(Fragment::new(device, caller, identity_policies));
        }
        if let Some(kept) = self.0.lock().get(&caller.token.hash)
            && Arc::ptr_eq(&kept.token, &caller.token)
            && kept.identity_policies == identity_policies
        {
            return kept.clone();
        }
        let fragment = Arc::new(Fragment::new(device, caller, identity_policies));
        self.0.lock().insert(caller.token.hash.clone(), fragment.clone());
        fragment
    }
}

impl Fragment {
    fn new(device: &Device, caller: &Caller, identity_policies: &[String]) -> Self {
        let token = &*caller.token;
        let mut request_token = String::from("\"client_token\":");
        device
            .redactor
            .push_string(caller.presented.expose(), &mut request_token);
        let mut auth_head = request_token.clone();
        if !token.accessor.is_empty() {
            push_accessor(device, "accessor", &token.accessor, &mut auth_head);
            push_accessor(
                device,
                "client_token_accessor",
                &token.accessor,
                &mut request_token,
            );
        }
        push_text_member("display_name", &token.display_name, &mut auth_head);
        push_list_member(
            "policies",
            &all_policies(token, identity_policies),
            &mut auth_head,
        );
        push_list_member("token_policies", &token.policies, &mut auth_head);
        push_list_member("identity_policies", identity_policies, &mut auth_head);
        if token.no_default_policy {
            auth_head.push_str(",\"no_default_policy\":true");
        }
        Self {
            token: caller.token.clone(),
            identity_policies: identity_policies.to_vec(),
            auth_head,
            auth_tail: auth_tail(token),
            request_token,
            client_id: client_id(token),
        }
    }
}

/// Token and identity policies together, sorted.
pub(super) fn all_policies(token: &Token, identity_policies: &[String]) -> Vec<String> {
    let mut all: Vec<String> = token.policies.iter().chain(identity_policies).cloned().collect();
    all.sort_unstable();
    all.dedup();
    all
}

pub(super) fn auth_tail(token: &Token) -> String {
    let mut out = String::new();
    if !token.meta.is_empty() {
        out.push_str(",\"metadata\":{");
        for (index, (key, value)) in token.meta.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push_string(key, &mut out);
            out.push(':');
            push_string(value, &mut out);
        }
        out.push('}');
    }
    push_text_member("entity_id", &token.entity_id, &mut out);
    push_text_member("token_type", token.kind.as_str(), &mut out);
    if !token.creation_ttl.is_zero() {
        out.push_str(&format!(",\"token_ttl\":{}", token.creation_ttl.seconds()));
    }
    if let Some(created) = token.created {
        push_text_member(
            "token_issue_time",
            &created.truncated_to_seconds().to_string(),
            &mut out,
        );
    }
    out
}

/// Appends `,"name":"text"`, or nothing for an empty text.
pub(super) fn push_text_member(name: &str, text: &str, out: &mut String) {
    if text.is_empty() {
        return;
    }
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    push_string(text, out);
}

/// Appends `,"name":["a","b"]`, or nothing for an empty list.
pub(super) fn push_list_member(name: &str, texts: &[String], out: &mut String) {
    if texts.is_empty() {
        return;
    }
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    push_list(texts, out);
}

pub(super) fn push_list(texts: &[String], out: &mut String) {
    out.push('[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(text, out);
    }
    out.push(']');
}

/// Appends `,"name":"accessor"`, hashed unless the device shows accessors.
pub(super) fn push_accessor(device: &Device, name: &str, accessor: &str, out: &mut String) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    if device.hashes_accessors() {
        device.redactor.push_string(accessor, out);
    } else {
        push_string(accessor, out);
    }
}

/// The entity, or for a token without one a hash of its policies and namespace, as existing servers compute it.
fn client_id(token: &Token) -> String {
    if !token.entity_id.is_empty() {
        return token.entity_id.clone();
    }
    let mut policies = token.policies.clone();
    policies.sort_unstable();
    let mut input = policies.join("\u{7f}").into_bytes();
    input.push(0);
    input.extend_from_slice(token.namespace.as_bytes());
    STANDARD.encode(sha256(&input))
}
