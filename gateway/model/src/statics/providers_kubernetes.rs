//! Kubernetes: Ingress, Traefik's own resources, Gateway API and Knative.

use fairlead_conf::{Duration, FileOrContent, section};

use crate::options::options;

options! {
    /// Kubernetes Ingress.
    pub struct KubernetesIngress {
        /// Address of the API server; found by itself inside a cluster.
        pub endpoint: String,
        /// Bearer token, or the file that holds it.
        pub token: FileOrContent,
        /// Authority of the API server.
        pub cert_auth_file_path: String,
        /// Namespaces to read; all when empty.
        pub namespaces: Vec<String>,
        /// Namespaces whose objects may name objects of other providers.
        pub cross_provider_namespaces: Option<Vec<String>>,
        /// Which objects are read, as a label selector.
        pub label_selector: String,
        /// Ingress class to serve.
        pub ingress_class: String,
        /// Address that is written into the status of an Ingress.
        #[serde(deserialize_with = "section")]
        pub ingress_endpoint: Option<IngressEndpoint>,
        /// Least time between two changes that are taken.
        pub throttle_duration: Duration,
        /// Makes services that have no endpoint too.
        pub allow_empty_services: bool,
        /// Takes services of type ExternalName.
        pub allow_external_name_services: bool,
        /// Reads no IngressClass; the older name of `disableClusterScopeResources`.
        pub disable_ingress_class_lookup: bool,
        /// Reads nothing that belongs to the whole cluster.
        pub disable_cluster_scope_resources: bool,
        /// Uses the address of the service instead of its endpoints.
        #[serde(rename = "nativeLBByDefault")]
        pub native_lb_by_default: bool,
        /// Matches a prefix by whole path segments.
        pub strict_prefix_matching: bool,
        /// Writes internal node addresses into the status of an Ingress.
        #[serde(rename = "reportNodeInternalIPs")]
        pub report_node_internal_ips: bool,
    }

    /// Address that is written into the status of an Ingress.
    pub struct IngressEndpoint {
        /// IP address.
        pub ip: String,
        /// Host name.
        pub hostname: String,
        /// Service whose status is copied: `namespace/name`.
        pub published_service: String,
    }

    /// Traefik's own Kubernetes resources.
    pub struct KubernetesCrd {
        /// Address of the API server; found by itself inside a cluster.
        pub endpoint: String,
        /// Bearer token, or the file that holds it.
        pub token: FileOrContent,
        /// Authority of the API server.
        pub cert_auth_file_path: String,
        /// Namespaces to read; all when empty.
        pub namespaces: Vec<String>,
        /// Namespaces whose objects may name objects of other providers.
        pub cross_provider_namespaces: Option<Vec<String>>,
        /// Lets objects name objects of other namespaces.
        pub allow_cross_namespace: bool,
        /// Takes services of type ExternalName.
        pub allow_external_name_services: bool,
        /// Which objects are read, as a label selector.
        pub label_selector: String,
        /// Ingress class to serve.
        pub ingress_class: String,
        /// Least time between two changes that are taken.
        pub throttle_duration: Duration,
        /// Makes services that have no endpoint too.
        pub allow_empty_services: bool,
        /// Uses the address of the service instead of its endpoints.
        #[serde(rename = "nativeLBByDefault")]
        pub native_lb_by_default: bool,
        /// Reads nothing that belongs to the whole cluster.
        pub disable_cluster_scope_resources: bool,
    }

    /// Kubernetes Gateway API.
    pub struct KubernetesGateway {
        /// Address of the API server; found by itself inside a cluster.
        pub endpoint: String,
        /// Bearer token, or the file that holds it.
        pub token: FileOrContent,
        /// Authority of the API server.
        pub cert_auth_file_path: String,
        /// Namespaces to read; all when empty.
        pub namespaces: Vec<String>,
        /// Namespaces whose objects may name objects of other providers.
        pub cross_provider_namespaces: Option<Vec<String>>,
        /// Which GatewayClasses are read, as a label selector.
        pub label_selector: String,
        /// Least time between two changes that are taken.
        pub throttle_duration: Duration,
        /// Reads the resources of the experimental channel too.
        pub experimental_channel: bool,
        /// Address that is written into the status of a Gateway.
        #[serde(deserialize_with = "section")]
        pub status_address: Option<StatusAddress>,
        /// Uses the address of the service instead of its endpoints.
        #[serde(rename = "nativeLBByDefault")]
        pub native_lb_by_default: bool,
        /// Requests a second to the API server.
        pub qps: f64 = 50.0,
        /// Requests at once to the API server.
        pub burst: i64 = 100,
    }

    /// Address that is written into the status of a Gateway.
    pub struct StatusAddress {
        /// IP address.
        pub ip: String,
        /// Host name.
        pub hostname: String,
        /// Service whose addresses are copied.
        #[serde(deserialize_with = "section")]
        pub service: Option<ServiceRef>,
    }

    /// A Kubernetes service.
    pub struct ServiceRef {
        /// Its name.
        pub name: String,
        /// Its namespace.
        pub namespace: String,
    }

    /// Knative.
    pub struct Knative {
        /// Address of the API server; found by itself inside a cluster.
        pub endpoint: String,
        /// Bearer token, or the file that holds it.
        pub token: FileOrContent,
        /// Authority of the API server.
        pub cert_auth_file_path: String,
        /// Namespaces to read; all when empty.
        pub namespaces: Vec<String>,
        /// Which objects are read, as a label selector.
        pub label_selector: String,
        /// Entry points for the public.
        #[serde(rename = "publicEntrypoints")]
        pub public_entry_points: Vec<String>,
        /// Service under which the public reaches this program.
        #[serde(deserialize_with = "section")]
        pub public_service: Option<ServiceRef>,
        /// Entry points for inside.
        #[serde(rename = "privateEntrypoints")]
        pub private_entry_points: Vec<String>,
        /// Service under which this program is reached from inside.
        #[serde(deserialize_with = "section")]
        pub private_service: Option<ServiceRef>,
        /// Least time between two changes that are taken.
        pub throttle_duration: Duration,
    }
}
