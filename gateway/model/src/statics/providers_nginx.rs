//! Kubernetes Ingress as ingress-nginx reads it. Times without a unit are seconds, sizes are bytes.

use fairlead_conf::{Duration, FileOrContent, section};

use crate::options::options;

options! {
    /// Kubernetes Ingress as ingress-nginx reads it.
    pub struct KubernetesIngressNginx {
        /// Address of the API server; found by itself inside a cluster.
        pub endpoint: String,
        /// Bearer token, or the file that holds it.
        pub token: FileOrContent,
        /// Authority of the API server.
        pub cert_auth_file_path: String,
        /// Least time between two changes that are taken.
        pub throttle_duration: Duration,
        /// Namespace to read; all when empty.
        pub watch_namespace: String,
        /// Namespaces to read, as a label selector.
        pub watch_namespace_selector: String,
        /// Ingress class to serve.
        pub ingress_class: String = "nginx".to_owned(),
        /// Controller whose classes are served.
        pub controller_class: String = "k8s.io/ingress-nginx".to_owned(),
        /// Serves Ingresses without a class too.
        pub watch_ingress_without_class: bool,
        /// Takes a class by its name too.
        pub ingress_class_by_name: bool,
        /// Service in front of this program: `namespace/name`.
        pub publish_service: String,
        /// Addresses that are written into the status of an Ingress.
        pub publish_status_address: Vec<String>,
        /// Service for requests that match nothing: `namespace/name`.
        pub default_backend_service: String,
        /// Takes no services of type ExternalName.
        pub disable_svc_external_name: bool,
        /// Entry point for plain requests.
        #[serde(rename = "httpEntryPoint")]
        pub http_entry_point: String,
        /// Entry point for requests over TLS.
        #[serde(rename = "httpsEntryPoint")]
        pub https_entry_point: String,
        /// Holds request bodies back until they are whole.
        pub proxy_request_buffering: bool,
        /// Part of a request body that is kept in memory.
        pub client_body_buffer_size: i64 = 16_384,
        /// Largest request body.
        pub proxy_body_size: i64 = 1_048_576,
        /// Holds answers back until they are whole.
        pub proxy_buffering: bool,
        /// One buffer of an answer.
        pub proxy_buffer_size: i64 = 8_192,
        /// Buffers of an answer.
        pub proxy_buffers_number: i64 = 4,
        /// For connecting to a server, in seconds.
        pub proxy_connect_timeout: i64 = 60,
        /// Between two reads from a server, in seconds.
        pub proxy_read_timeout: i64 = 60,
        /// Between two writes to a server, in seconds.
        pub proxy_send_timeout: i64 = 60,
        /// When another server is tried.
        pub proxy_next_upstream: String = "error timeout".to_owned(),
        /// Most tries; 0 means no limit.
        pub proxy_next_upstream_tries: i64 = 3,
        /// For all tries together, in seconds; 0 means no limit.
        pub proxy_next_upstream_timeout: i64,
        /// For an idle connection to a server, in seconds.
        pub upstream_keepalive_timeout: i64 = 60,
        /// Status codes that the default backend answers.
        #[serde(rename = "customHTTPErrors")]
        pub custom_http_errors: Vec<String>,
        /// Reads the annotations with pieces of nginx configuration.
        pub allow_snippet_annotations: bool,
        /// Lets an Ingress name resources of other namespaces.
        pub allow_cross_namespace_resources: bool,
        /// Response headers that an Ingress may set.
        pub global_allowed_response_headers: Vec<String>,
        /// Service that authenticates every request.
        #[serde(rename = "globalAuthURL")]
        pub global_auth_url: String,
        /// Refuses an Ingress whose paths hold characters of a regular expression with path type Prefix or Exact.
        pub strict_validate_path_type: bool = true,
        /// How the client's address is found.
        #[serde(deserialize_with = "section", rename = "ipAllowListStrategy")]
        pub ip_allow_list_strategy: Option<IpStrategy>,
    }

    /// How the client's address is found in `X-Forwarded-For`.
    pub struct IpStrategy {
        /// Which address, counted from the right; 0 means the connection's own.
        pub depth: i64,
        /// Addresses that are passed over.
        #[serde(rename = "excludedIPs")]
        pub excluded_ips: Vec<String>,
        /// IPv6 addresses of one network of this size count as one.
        pub ipv6_subnet: Option<i64>,
    }
}
