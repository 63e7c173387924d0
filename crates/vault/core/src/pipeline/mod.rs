//! One request, read in one direction.
//!
//! | # | stage | takes -> gives | owns |
//! |---|---|---|---|
//! | 1 | [`admit`] | `Incoming` -> `Admitted` | request id, the instant, namespace, sealed?, route |
//! | 2 | [`authenticate`] | -> `Authenticated` | token, entity, bound networks |
//! | 3 | [`authorize`] | -> `Authorized` | create or update, policy verdict, sudo, use count |
//! | 4 | [`record`] | -> `Recorded` | request audit entry; fails closed, before anything changes |
//! | 5 | [`dispatch`] | -> `Answered` | the engine, which reaches only its own records |
//! | 6 | [`lease`] | -> `Leased` | login tokens, leases, response wrapping |
//! | 7 | [`reply`] | -> `Reply` | response audit entry, and only then the body |
//! | x | [`refuse`] | `Refusal` -> `Reply` | the error branch of 1-6: audited, rendered |
//!
//! A request that brings its login with it ([`InlineAuth`]) takes that login through stages 1 to 7 first, in stage 2.
//!
//! Each stage type has private fields and one constructor: its stage. A stage cannot be skipped or reordered:
//!
//! ```compile_fail
//! # use arca_core::pipeline::*;
//! fn skip(admitted: Admitted) -> Recorded {
//!     Recorded { authorized: admitted, entry: None }
//! }
//! ```
//!
//! ```compile_fail
//! # use arca_core::pipeline::*;
//! async fn unaudited(core: &arca_core::Core, authorized: Authorized) {
//!     dispatch::run(authorized).await;
//! }
//! ```

pub(crate) mod admit;
pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod dispatch;
mod envelope;
mod incoming;
mod inline_auth;
pub(crate) mod lease;
pub(crate) mod record;
pub(crate) mod refuse;
pub(crate) mod reply;
mod trace;

pub use admit::Admitted;
pub use authenticate::Authenticated;
pub use authorize::Authorized;
pub use dispatch::Answered;
pub use incoming::{Incoming, Reply, Unread};
pub use inline_auth::InlineAuth;
pub use lease::Leased;
pub use record::Recorded;
pub use refuse::Refusal;

use crate::core::Core;
use crate::snapshot::Upload;

/// Takes a request through all stages.
pub(crate) async fn run(core: &Core, incoming: Incoming, upload: Option<Upload>) -> Reply {
    match stages(core, incoming, upload).await {
        Ok(reply) => reply,
        Err(refusal) => refuse::run(core, *refusal).await,
    }
}

async fn stages(core: &Core, incoming: Incoming, upload: Option<Upload>) -> Result<Reply, Box<Refusal>> {
    let mut admitted = admit::run(core, incoming).await?;
    admitted.upload = upload;
    let authenticated = authenticate::run(core, admitted).await?;
    let authorized = authorize::run(authenticated).await?;
    let recorded = record::run(core, authorized).await?;
    let answered = dispatch::run(recorded).await?;
    let leased = lease::run(answered).await?;
    reply::run(core, leased).await
}
