//! Experimental options, and small sections that stand alone.

use fairlead_conf::section;

use crate::options::{Named, options, sections, words};

options! {
    /// Experimental options.
    pub struct Experimental {
        /// Plugins from the catalogue, by name.
        #[serde(deserialize_with = "sections")]
        pub plugins: Named<Plugin>,
        /// Plugins from this machine, by name.
        #[serde(deserialize_with = "sections")]
        pub local_plugins: Named<LocalPlugin>,
        /// Does not start when a plugin does not load.
        pub abort_on_plugin_failure: bool,
        /// Another HTTP client towards backends.
        #[serde(deserialize_with = "section")]
        pub fast_proxy: Option<FastProxy>,
        /// Lets logs be sent to a collector.
        #[serde(rename = "otlplogs")]
        pub otlp_logs: bool,
        /// Lets Knative be a provider.
        pub knative: bool,
        /// Lets ingress-nginx be a provider.
        #[serde(rename = "kubernetesIngressNGINX")]
        pub kubernetes_ingress_nginx: bool,
        /// Without effect since Gateway API is stable.
        pub kubernetes_gateway: bool,
    }

    /// A plugin from the catalogue.
    pub struct Plugin {
        /// Module of the plugin.
        pub module_name: String,
        /// Version.
        pub version: String,
        /// Checksum that the archive must have.
        pub hash: String,
        /// What the guest may do.
        pub settings: PluginSettings,
    }

    /// A plugin from this machine.
    pub struct LocalPlugin {
        /// Module of the plugin.
        pub module_name: String,
        /// What the guest may do.
        pub settings: PluginSettings,
    }

    /// What a WebAssembly guest may do.
    pub struct PluginSettings {
        /// Environment variables that it sees.
        pub envs: Vec<String>,
        /// Directories that it sees.
        pub mounts: Vec<String>,
        /// Lets an interpreted plugin use `unsafe` and `syscall`.
        pub use_unsafe: bool,
    }

    /// Another HTTP client towards backends.
    pub struct FastProxy {
        /// Writes more to the log.
        pub debug: bool,
    }

    /// What holds for the whole program.
    pub struct Global {
        /// Asks whether there is a newer version.
        pub check_new_version: bool = true,
        /// Tells how the program is used.
        pub send_anonymous_usage: bool,
        /// Leaves `X-Forwarded-For` as it came, on every entry point.
        pub not_append_x_forwarded_for: bool,
    }

    /// Rules of routers.
    pub struct Core {
        /// Rule language of routers that do not say which.
        pub default_rule_syntax: RuleSyntax,
    }

    /// Follows CNAME records when a host is matched.
    pub struct HostResolver {
        /// On or off.
        pub cname_flattening: bool,
        /// Which servers are asked, in the form of `resolv.conf`.
        pub resolv_config: String = "/etc/resolv.conf".to_owned(),
        /// Longest chain of records that is followed.
        pub resolv_depth: u32 = 5,
    }

    /// OCSP stapling.
    pub struct Ocsp {
        /// Responders to ask instead of those named in a certificate.
        pub responder_overrides: Named<String>,
    }
}

words! {
    /// The rule language of a router.
    pub enum RuleSyntax {
        /// The present one.
        V3 = "v3",
        /// That of Traefik v2.
        V2 = "v2",
    }
}
