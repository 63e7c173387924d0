//! Health, leadership, metrics and the state of the node.

use crate::endpoint::Nothing;
use crate::field::CommaList;

crate::fields! {
    /// Status codes to answer with.
    pub struct Health {
        /// Answer like an active node when this one is a standby.
        standbyok: Option<String>,
        /// Accepted for old clients; has no effect.
        perfstandbyok: Option<String>,
        /// For an active node.
        activecode: Option<String>,
        /// For a standby.
        standbycode: Option<String>,
        /// For a sealed node.
        sealedcode: Option<String>,
        /// For a node that is not initialized.
        uninitcode: Option<String>,
    }
}

crate::fields! {
    /// Form of the metrics.
    pub struct Metrics {
        /// `prometheus`, or empty for JSON.
        format: String,
    }
}

crate::fields! {
    /// Names a type of plugin.
    pub struct PluginType {
        /// `auth`, `database` or `secret`.
        plugin_type: String,
    }
}

crate::fields! {
    /// Names a plugin.
    pub struct Plugin {
        /// `auth`, `database` or `secret`.
        plugin_type: String,
        /// Its name.
        name: String,
    }
}

crate::fields! {
    /// Whose engines to make anew.
    pub struct Reload {
        /// All mounts of this type.
        plugin: String,
        /// These mounts.
        mounts: Option<CommaList>,
        /// Accepted for compatibility: this node.
        scope: String,
    }
}

crate::endpoints! {
    /// Whether the node can serve, as a status code.
    ReadHealth = Read "health" => Health;
    /// Whether the node can serve, as a status code without a body.
    HeadHealth = Header "health" => Health;
    /// Which node is active.
    ReadLeader = Read "leader" => Nothing;
    /// Nodes of the cluster.
    ReadHaStatus = Read "ha-status" => Nothing;
    /// Give up running the timers, for another node to take over.
    StepDown = Update "step-down" => Nothing;
    /// Counters, gauges and latencies.
    ReadMetrics = Read "metrics" => Metrics;
    /// The machine this node runs on.
    ReadHostInfo = Read "host-info" => Nothing;
    /// Requests being served.
    ReadInFlight = Read "in-flight-req" => Nothing;
    /// The configuration in force, without secrets.
    ReadConfigState = Read "config/state/sanitized" => Nothing;
    /// Engines and auth methods this server has.
    ReadPlugins = Read "plugins/catalog" => Nothing;
    /// Names of the plugins of a type.
    ListPlugins = List "plugins/catalog/{plugin_type}" => PluginType;
    /// One plugin.
    ReadPlugin = Read "plugins/catalog/{plugin_type}/{name}" => Plugin;
    /// Versions of the server that have run on this store.
    ReadVersionHistory = List "version-history" => Nothing;
    /// Features that are tried out; there are none.
    ReadExperiments = Read "experiments" => Nothing;
    /// Begin with fresh engines, without what they keep in memory.
    UpdateReload = Update "plugins/reload/backend" => Reload;
    /// Refused: engines are built in.
    UpdatePlugin = Update "plugins/catalog/{plugin_type}/{name}" => Plugin;
    /// Refused: engines are built in.
    DeletePlugin = Delete "plugins/catalog/{plugin_type}/{name}" => Plugin;
    /// Replication, which this server does not have.
    ReadReplication = Read "replication/status" => Nothing;
}
