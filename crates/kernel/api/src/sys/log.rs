//! Levels of the log, and its lines as they are written (`sys/loggers`, `sys/monitor`).

use crate::endpoint::Nothing;

crate::fields! {
    /// Names a part of the server.
    pub struct LoggerName {
        /// The part, such as `audit`.
        name: String,
    }
}

crate::fields! {
    /// A level for all parts.
    pub struct WriteLevel {
        /// `trace`, `debug`, `info`, `warn` or `error`.
        level: String,
    }
}

crate::fields! {
    /// A level for one part.
    pub struct WriteLogger {
        /// The part, such as `audit`.
        name: String,
        /// `trace`, `debug`, `info`, `warn` or `error`.
        level: String,
    }
}

crate::fields! {
    /// Which lines, and in which form.
    pub struct Monitor {
        /// Lines of this level and above; `info` when empty.
        log_level: String,
        /// `standard` or `json`; `standard` when empty.
        log_format: String,
    }
}

crate::endpoints! {
    /// Read what is logged, by part of the server.
    ReadLoggers = Read "loggers" => Nothing;
    /// Set what is logged of all parts, on this node until it restarts.
    UpdateLoggers = Update "loggers" => WriteLevel;
    /// Log what the configuration says.
    DeleteLoggers = Delete "loggers" => Nothing;
    /// Read what is logged of a part.
    ReadLogger = Read "loggers/{name}" => LoggerName;
    /// Set what is logged of a part, on this node until it restarts.
    UpdateLogger = Update "loggers/{name}" => WriteLogger;
    /// Log of a part what the configuration says.
    DeleteLogger = Delete "loggers/{name}" => LoggerName;
    /// Follow the log of this node.
    ReadMonitor = Read "monitor" => Monitor;
}
