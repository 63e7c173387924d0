//! What there is how many of (`sys/internal/counters/*`).

use crate::endpoint::Nothing;

crate::fields! {
    /// Which time is reported.
    pub struct Activity {
        /// Its beginning.
        start_time: Option<arca_base::Timestamp>,
        /// Its end.
        end_time: Option<arca_base::Timestamp>,
        /// At most this many namespaces.
        limit_namespaces: i64,
    }
}

crate::fields! {
    /// How clients are counted; they are not.
    pub struct WriteActivityConfig {
        /// `default` or `disable`; `enable` is refused.
        enabled: String,
        /// Months reported when nothing else is asked for; has no effect.
        default_report_months: Option<i64>,
        /// Months kept; has no effect.
        retention_months: Option<i64>,
    }
}

crate::endpoints! {
    /// Count tokens. Looks at the name of each.
    ReadTokenCount = Read "internal/counters/tokens" => Nothing;
    /// Count entities. Looks at the name of each.
    ReadEntityCount = Read "internal/counters/entities" => Nothing;
    /// Requests by month, which no server counts any more.
    ReadRequestCount = Read "internal/counters/requests" => Nothing;
    /// Clients over a time, which this server does not count: always empty.
    ReadActivity = Read "internal/counters/activity" => Activity;
    /// Clients of this month, which this server does not count: always empty.
    ReadMonthlyActivity = Read "internal/counters/activity/monthly" => Nothing;
    /// Whether clients are counted; they are not.
    ReadActivityConfig = Read "internal/counters/config" => Nothing;
    /// Accepted for compatibility as long as it does not ask for clients to be counted.
    UpdateActivityConfig = Update "internal/counters/config" => WriteActivityConfig;
}
