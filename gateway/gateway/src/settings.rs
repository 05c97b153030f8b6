//! From static configuration to the options of the rooms below: metrics, access log, names.

use fairlead_diag::{Finding, Findings};
use fairlead_model::statics::{self, Protocol, Static};
use fairlead_telemetry::access::{FieldMode, FieldOptions, FieldsOptions};
use fairlead_telemetry::{AccessLog, AccessLogFilters, AccessLogFormat, AccessLogOptions, MetricsOptions};

use crate::codes;

/// What is counted.
#[must_use]
pub(crate) fn metrics(statics: &Static) -> MetricsOptions {
    let Some(prometheus) = statics.metrics.as_ref().and_then(|metrics| metrics.prometheus.as_ref()) else {
        return MetricsOptions::default();
    };
    let labels = prometheus.header_labels.iter();
    MetricsOptions {
        buckets: prometheus.buckets.clone(),
        entry_points: prometheus.add_entry_points_labels,
        routers: prometheus.add_routers_labels,
        services: prometheus.add_services_labels,
        header_labels: labels.map(|(label, header)| (label.to_string(), header.clone())).collect(),
    }
}

/// Opens the access log when there is one.
///
/// # Errors
/// A finding when the file cannot be opened or a filter is no status code.
pub(crate) fn access_log(statics: &Static) -> Result<Option<AccessLog>, Findings> {
    let Some(options) = &statics.access_log else { return Ok(None) };
    let failed =
        |why: String| Findings::from_iter([Finding::new(&codes::ACCESS_LOG, why).about("accessLog")]);
    let options = access_log_options(options).map_err(failed)?;
    let path = options.file_path.clone();
    AccessLog::open(options).map(Some).map_err(|error| {
        let path = path.map(|path| path.display().to_string()).unwrap_or_default();
        failed(format!("cannot open the access log `{path}`: {error}"))
    })
}

fn access_log_options(options: &statics::AccessLog) -> Result<AccessLogOptions, String> {
    let filters = options.filters.clone().unwrap_or_default();
    let codes: Result<Vec<_>, String> = filters.status_ranges().collect();
    let fields = options.fields.clone().unwrap_or_default();
    let headers = fields.headers.clone().unwrap_or_default();
    let query = fields.query_parameters.clone().unwrap_or_default();
    let names = |names: &mut dyn Iterator<Item = (String, statics::FieldMode)>| {
        names.map(|(name, field)| (name, mode(field))).collect()
    };
    Ok(AccessLogOptions {
        file_path: (!options.file_path.is_empty()).then(|| options.file_path.clone().into()),
        format: match options.format {
            statics::AccessLogFormat::Common => AccessLogFormat::Common,
            statics::AccessLogFormat::GenericClf => AccessLogFormat::GenericClf,
            statics::AccessLogFormat::Json => AccessLogFormat::Json,
        },
        filters: AccessLogFilters {
            status_codes: codes?,
            retry_attempts: filters.retry_attempts,
            min_duration: filters.min_duration.into(),
        },
        fields: FieldsOptions {
            fields: FieldOptions {
                default_mode: mode(fields.default_mode),
                names: names(&mut fields.names.iter().map(|(name, field)| (name.to_string(), *field))),
            },
            headers: FieldOptions {
                default_mode: mode(headers.default_mode),
                names: names(&mut headers.names.iter().map(|(name, field)| (name.to_string(), *field))),
            },
            query_parameters: FieldOptions {
                default_mode: mode(query.default_mode),
                ..FieldOptions::default()
            },
        },
        buffering_size: options.buffering_size,
        add_internals: options.add_internals,
    })
}

fn mode(mode: statics::FieldMode) -> FieldMode {
    match mode {
        statics::FieldMode::Keep => FieldMode::Keep,
        statics::FieldMode::Drop => FieldMode::Drop,
        statics::FieldMode::Redact => FieldMode::Redact,
    }
}

/// Entry points that are decoded but not served.
#[must_use]
pub(crate) fn udp_findings(statics: &Static) -> Findings {
    let udp = statics.entry_points.iter().filter(|(_, options)| options.address.protocol == Protocol::Udp);
    udp.map(|(name, _)| {
        Finding::new(&codes::UDP_NOT_YET, format!("entry point `{name}` is a UDP one and is not served"))
            .about(format!("entryPoint {name}"))
    })
    .collect()
}

/// Name of this machine.
#[must_use]
pub(crate) fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    name.map(|name| name.trim().to_owned()).unwrap_or_else(|_| "localhost".to_owned())
}
