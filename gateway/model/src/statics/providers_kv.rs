//! Key-value stores.

use fairlead_conf::section;

use super::tls_client::ClientTls;
use crate::Secret;
use crate::options::options;

const ROOT_KEY: &str = "traefik";

options! {
    /// Consul's key-value store.
    pub struct Consul {
        /// Key under which everything lies.
        pub root_key: String = ROOT_KEY.to_owned(),
        /// Addresses of the store.
        pub endpoints: Vec<String> = vec!["127.0.0.1:8500".to_owned()],
        /// Access token.
        pub token: Secret,
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// Namespaces to read (Consul Enterprise).
        pub namespaces: Vec<String>,
    }

    /// etcd.
    pub struct Etcd {
        /// Key under which everything lies.
        pub root_key: String = ROOT_KEY.to_owned(),
        /// Addresses of the store.
        pub endpoints: Vec<String> = vec!["127.0.0.1:2379".to_owned()],
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// User name.
        pub username: String,
        /// Password.
        pub password: Secret,
    }

    /// ZooKeeper.
    pub struct ZooKeeper {
        /// Key under which everything lies.
        pub root_key: String = ROOT_KEY.to_owned(),
        /// Addresses of the store.
        pub endpoints: Vec<String> = vec!["127.0.0.1:2181".to_owned()],
        /// User name.
        pub username: String,
        /// Password.
        pub password: Secret,
    }

    /// Redis.
    pub struct Redis {
        /// Key under which everything lies.
        pub root_key: String = ROOT_KEY.to_owned(),
        /// Addresses of the store.
        pub endpoints: Vec<String> = vec!["127.0.0.1:6379".to_owned()],
        /// TLS.
        #[serde(deserialize_with = "section")]
        pub tls: Option<ClientTls>,
        /// User name.
        pub username: String,
        /// Password.
        pub password: Secret,
        /// Number of the database.
        pub db: i64,
        /// Sentinels that know the master.
        #[serde(deserialize_with = "section")]
        pub sentinel: Option<Sentinel>,
    }

    /// Redis Sentinel.
    pub struct Sentinel {
        /// Name of the master.
        pub master_name: String,
        /// User name for the sentinels.
        pub username: String,
        /// Password for the sentinels.
        pub password: Secret,
        /// Reads from the closest node; not with `randomStrategy`.
        pub latency_strategy: bool,
        /// Reads from any node; not with `latencyStrategy`.
        pub random_strategy: bool,
        /// Reads from replicas only.
        pub replica_strategy: bool,
        /// Reads from replicas that lost their master when there are no others.
        pub use_disconnected_replicas: bool,
    }
}
