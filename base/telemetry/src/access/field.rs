//! Which fields a line shows.

use std::collections::HashMap;

/// What becomes of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldMode {
    /// Shown.
    #[default]
    Keep,
    /// Left out.
    Drop,
    /// Shown as `REDACTED`.
    Redact,
}

/// A default and exceptions by name, without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldOptions {
    /// For every name that is not listed.
    pub default_mode: FieldMode,
    /// Exceptions.
    pub names: HashMap<String, FieldMode>,
}

/// Modes of all fields. Traefik's defaults: fields and query parameters are kept, headers dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldsOptions {
    /// Fields such as `ClientHost`.
    pub fields: FieldOptions,
    /// Header fields, by header name.
    pub headers: FieldOptions,
    /// Query parameters in the path, by parameter name.
    pub query_parameters: FieldOptions,
}

impl Default for FieldsOptions {
    fn default() -> Self {
        let dropped = FieldOptions { default_mode: FieldMode::Drop, names: HashMap::new() };
        FieldsOptions {
            fields: FieldOptions::default(),
            headers: dropped,
            query_parameters: FieldOptions::default(),
        }
    }
}

/// Declares the fields in the order in which JSON shows them, which is that of their bytes.
macro_rules! fields {
    ($($name:ident = $text:literal,)*) => {
        /// A field of the log that is no header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Field { $($name),* }

        impl Field {
            /// All fields, sorted by name.
            pub(crate) const ALL: &'static [Field] = &[$(Field::$name),*];

            /// Its name in the log and in the configuration.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Field::$name => $text),* }
            }
        }
    };
}

fields! {
    ClientAddr = "ClientAddr",
    ClientHost = "ClientHost",
    ClientPort = "ClientPort",
    ClientUsername = "ClientUsername",
    DownstreamContentSize = "DownstreamContentSize",
    DownstreamStatus = "DownstreamStatus",
    Duration = "Duration",
    GzipRatio = "GzipRatio",
    OriginContentSize = "OriginContentSize",
    OriginDuration = "OriginDuration",
    OriginStatus = "OriginStatus",
    Overhead = "Overhead",
    RequestAddr = "RequestAddr",
    RequestContentSize = "RequestContentSize",
    RequestCount = "RequestCount",
    RequestHost = "RequestHost",
    RequestMethod = "RequestMethod",
    RequestPath = "RequestPath",
    RequestPort = "RequestPort",
    RequestProtocol = "RequestProtocol",
    RequestScheme = "RequestScheme",
    RetryAttempts = "RetryAttempts",
    RouterName = "RouterName",
    ServiceAddr = "ServiceAddr",
    ServiceName = "ServiceName",
    ServiceUrl = "ServiceURL",
    SpanId = "SpanId",
    StartLocal = "StartLocal",
    StartUtc = "StartUTC",
    TlsCipher = "TLSCipher",
    TlsClientSubject = "TLSClientSubject",
    TlsVersion = "TLSVersion",
    TraceId = "TraceId",
}

/// The modes, ready to be looked up for each request.
pub(crate) struct Fields {
    /// By the number of a [`Field`].
    core: Vec<FieldMode>,
    /// Mode of `entryPointName`, which stands among the headers in the sorted line.
    pub(crate) entry_point_name: FieldMode,
    headers: Names,
    query: Names,
}

/// A [`FieldOptions`] with lower-case names.
struct Names {
    default: FieldMode,
    names: Vec<(Box<str>, FieldMode)>,
}

impl Fields {
    pub(crate) fn new(options: &FieldsOptions) -> Self {
        let core = Names::new(&options.fields);
        Fields {
            core: Field::ALL.iter().map(|field| core.mode(field.name())).collect(),
            entry_point_name: core.mode("entryPointName"),
            headers: Names::new(&options.headers),
            query: Names::new(&options.query_parameters),
        }
    }

    pub(crate) fn core(&self, field: Field) -> FieldMode {
        self.core[field as usize]
    }

    pub(crate) fn header(&self, name: &str) -> FieldMode {
        self.headers.mode(name)
    }

    pub(crate) fn query(&self, name: &str) -> FieldMode {
        self.query.mode(name)
    }

    /// Whether the path can be shown as it is.
    pub(crate) fn keeps_query(&self) -> bool {
        self.query.all(FieldMode::Keep)
    }

    /// Whether any header can be shown.
    pub(crate) fn any_header(&self) -> bool {
        !self.headers.all(FieldMode::Drop)
    }
}

impl Names {
    fn new(options: &FieldOptions) -> Self {
        let names = options.names.iter().map(|(name, mode)| (name.as_str().into(), *mode)).collect();
        Names { default: options.default_mode, names }
    }

    fn mode(&self, name: &str) -> FieldMode {
        let listed = self.names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        listed.map_or(self.default, |(_, mode)| *mode)
    }

    fn all(&self, mode: FieldMode) -> bool {
        self.default == mode && self.names.iter().all(|(_, listed)| *listed == mode)
    }
}
