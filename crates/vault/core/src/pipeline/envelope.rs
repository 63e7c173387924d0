//! The success envelope, written by hand: all eight keys, always.

use std::fmt::Write as _;

use arca_base::JsonText;
use arca_base::json::push_string;

use crate::engine::RawBody;
use crate::events::Streamed;
use crate::tokens::Issued;
use crate::wrapping::Wrapped;

/// An answer with everything the envelope shows besides.
#[derive(Default)]
pub(super) struct Envelope {
    pub(super) payload: Payload,
    pub(super) lease_id: String,
    pub(super) renewable: bool,
    pub(super) lease_seconds: u64,
    pub(super) warnings: Vec<String>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// What an answer holds.
#[derive(Default)]
pub(super) enum Payload {
    /// Done, nothing to say.
    #[default]
    Nothing,
    /// 204, also for a read.
    NothingToReport,
    /// An envelope without data.
    NoData,
    /// Going on in the background.
    Accepted,
    Data(JsonText),
    /// 404 with an envelope.
    Missing(JsonText),
    Names {
        text: JsonText,
        count: usize,
    },
    /// An empty folder.
    NoNames,
    Token(Box<Issued>),
    /// What a login needs besides its first factor.
    Factor(JsonText),
    /// The envelope of an earlier answer.
    Envelope(JsonText),
    Raw(RawBody),
    Stream(Streamed),
}

impl Payload {
    /// Whether there is anything that somebody else could open.
    pub(super) const fn can_be_wrapped(&self) -> bool {
        matches!(
            self,
            Self::Data(_) | Self::Names { .. } | Self::Token(_) | Self::NoData
        )
    }

    /// The accessor of a token inside.
    pub(super) fn accessor(&self) -> Option<&str> {
        match self {
            Self::Token(issued) => Some(&issued.token.accessor),
            _ => None,
        }
    }

    const fn text(&self) -> Option<&JsonText> {
        match self {
            Self::Data(text) | Self::Missing(text) | Self::Names { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl Envelope {
    /// The body. `injects` repeats the members of `data` at the top, for clients of old.
    pub(super) fn render(&self, request_id: &str, mount_type: Option<&str>, injects: bool) -> String {
        let text = self.payload.text().map_or("null", JsonText::as_str);
        let mut out = String::with_capacity(text.len() * if injects { 2 } else { 1 } + 320);
        out.push('{');
        if injects && let Some(members) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            out.push_str(members);
            if !members.is_empty() {
                out.push(',');
            }
        }
        out.push_str("\"request_id\":");
        push_string(request_id, &mut out);
        out.push_str(",\"lease_id\":");
        push_string(&self.lease_id, &mut out);
        let _ = write!(
            out,
            ",\"renewable\":{},\"lease_duration\":{}",
            self.renewable, self.lease_seconds
        );
        out.push_str(",\"data\":");
        out.push_str(text);
        out.push_str(",\"wrap_info\":null,\"warnings\":");
        push_warnings(&self.warnings, &mut out);
        out.push_str(",\"auth\":");
        match &self.payload {
            Payload::Token(issued) => push_auth(issued, &mut out),
            Payload::Factor(needed) => push_requirement(needed, &mut out),
            _ => out.push_str("null"),
        }
        if let Some(mount_type) = mount_type {
            out.push_str(",\"mount_type\":");
            push_string(mount_type, &mut out);
        }
        out.push('}');
        out
    }

    /// The body of an answer that is kept for somebody else.
    pub(super) fn render_wrapped(wrapped: &Wrapped) -> String {
        let mut out = String::with_capacity(400);
        out.push_str(
            "{\"request_id\":\"\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\"data\":null,\"wrap_info\":{\"token\":",
        );
        push_string(wrapped.token.expose(), &mut out);
        out.push_str(",\"accessor\":");
        push_string(&wrapped.accessor, &mut out);
        let _ = write!(
            out,
            ",\"ttl\":{},\"creation_time\":\"{}\"",
            wrapped.ttl.seconds(),
            wrapped.creation_time
        );
        out.push_str(",\"creation_path\":");
        push_string(&wrapped.creation_path, &mut out);
        if !wrapped.wrapped_accessor.is_empty() {
            out.push_str(",\"wrapped_accessor\":");
            push_string(&wrapped.wrapped_accessor, &mut out);
        }
        out.push_str("},\"warnings\":null,\"auth\":null}");
        out
    }
}

fn push_warnings(warnings: &[String], out: &mut String) {
    if warnings.is_empty() {
        out.push_str("null");
    } else {
        push_strings(warnings, out);
    }
}

fn push_strings(texts: &[String], out: &mut String) {
    out.push('[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(text, out);
    }
    out.push(']');
}

fn push_auth(issued: &Issued, out: &mut String) {
    let token = &*issued.token;
    out.push_str("{\"client_token\":");
    push_string(
        issued.client_token.as_ref().map_or("", |token| token.expose()),
        out,
    );
    out.push_str(",\"accessor\":");
    push_string(&token.accessor, out);
    out.push_str(",\"policies\":");
    push_strings(&issued.all_policies(), out);
    out.push_str(",\"token_policies\":");
    push_strings(&token.policies, out);
    if !issued.identity_policies.is_empty() {
        out.push_str(",\"identity_policies\":");
        push_strings(&issued.identity_policies, out);
    }
    out.push_str(",\"metadata\":");
    push_metadata(issued, out);
    let _ = write!(
        out,
        ",\"lease_duration\":{},\"renewable\":{}",
        issued.lease_seconds, token.renewable
    );
    out.push_str(",\"entity_id\":");
    push_string(&token.entity_id, out);
    let _ = write!(
        out,
        ",\"token_type\":\"{}\",\"orphan\":{},\"mfa_requirement\":null,\"num_uses\":{}}}",
        token.kind.as_str(),
        token.is_orphan(),
        token.num_uses.max(0)
    );
}

/// No token yet, and what there must be first.
fn push_requirement(needed: &JsonText, out: &mut String) {
    out.push_str(
        "{\"client_token\":\"\",\"accessor\":\"\",\"policies\":[],\"token_policies\":[],\"metadata\":null,\"lease_duration\":0,\
         \"renewable\":false,\"entity_id\":\"\",\"token_type\":\"\",\"orphan\":false,\"mfa_requirement\":",
    );
    out.push_str(needed.as_str());
    out.push_str(",\"num_uses\":0}");
}

fn push_metadata(issued: &Issued, out: &mut String) {
    if issued.token.meta.is_empty() {
        out.push_str("null");
        return;
    }
    out.push('{');
    for (index, (key, value)) in issued.token.meta.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(key, out);
        out.push(':');
        push_string(value, out);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use arca_base::json_object;

    use super::*;

    #[test]
    fn all_eight_keys_are_always_there() {
        let envelope = Envelope {
            payload: Payload::Data(json_object! { "k" => "v" }.to_text()),
            ..Envelope::default()
        };
        assert_eq!(
            envelope.render("id", None, false),
            r#"{"request_id":"id","lease_id":"","renewable":false,"lease_duration":0,"data":{"k":"v"},"wrap_info":null,"warnings":null,"auth":null}"#
        );
    }

    #[test]
    fn injection_repeats_the_members_of_data() {
        let envelope = Envelope {
            payload: Payload::Data(json_object! { "k" => "v" }.to_text()),
            ..Envelope::default()
        };
        assert!(
            envelope
                .render("id", Some("system"), true)
                .starts_with(r#"{"k":"v","request_id":"id""#)
        );
        let empty = Envelope {
            payload: Payload::Data(arca_base::Json::object().to_text()),
            ..Envelope::default()
        };
        assert!(
            empty
                .render("id", None, true)
                .starts_with(r#"{"request_id":"id""#)
        );
    }
}
