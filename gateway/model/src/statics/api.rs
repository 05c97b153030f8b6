//! The API, the dashboard and the liveness page.

use crate::options::options;

/// Name of the entry point on which internal pages are served unless told otherwise.
pub const INTERNAL_ENTRY_POINT: &str = "traefik";

options! {
    /// The API and the dashboard.
    pub struct Api {
        /// Path under which both are served.
        pub base_path: String = "/".to_owned(),
        /// Serves both on the entry point `traefik`, without any protection.
        pub insecure: bool,
        /// Serves the dashboard.
        pub dashboard: bool = true,
        /// Serves pages for debugging and profiling.
        pub debug: bool,
        /// Shows no advertisement in the dashboard.
        pub disable_dashboard_ad: bool,
        /// Name shown in the dashboard.
        pub dashboard_name: String,
    }

    /// The page `/ping`.
    pub struct Ping {
        /// Entry point on which it is served.
        pub entry_point: String = INTERNAL_ENTRY_POINT.to_owned(),
        /// Serves it only through routers of the user's own to `ping@internal`.
        pub manual_routing: bool,
        /// Status while the program stops.
        pub terminating_status_code: u16 = 503,
    }
}
