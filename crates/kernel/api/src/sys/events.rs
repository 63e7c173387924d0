//! The change stream.

crate::fields! {
    /// What to follow.
    pub struct Subscribe {
        /// Types of event: one, or a pattern in which `*` stands for anything.
        #[name = "type"]
        kind: String,
        /// The revision after which to begin; now when empty.
        after: String,
        /// Accepted for compatibility: events are always JSON.
        json: String,
        /// Not supported: events are chosen by type.
        filter: String,
    }
}

crate::endpoints! {
    /// Follow what happens, as Server-Sent Events or over a WebSocket.
    SubscribeEvents = Read "events/subscribe/{type*}" => Subscribe;
}
