//! Finding codes of the running gateway: what the builder leaves out, and why.

fairlead_diag::codes! {
    /// A router cannot be built.
    ROUTER_OFF = "FLD-GW-4001", Error, "router is left out",
        "The router cannot serve: its rule does not parse, or a service, middleware or TLS option that it names does not exist \
         or could not be built. Requests that it would take fall to other routers or get 404. All other routers live on.";
    /// A service cannot be built.
    SERVICE_OFF = "FLD-GW-4002", Error, "service is left out",
        "The service cannot be built from its options. Routers that name it are left out too.";
    /// A middleware cannot be built.
    MIDDLEWARE_OFF = "FLD-GW-4003", Error, "middleware is left out",
        "The middleware cannot be built. Routers that name it are left out: serving them without the layer could open a door \
         that it was meant to close.";
    /// A rule does not parse.
    BAD_RULE = "FLD-GW-4004", Error, "rule does not parse",
        "The router's rule is not in the rule language. The place points into the rule. Matchers of the v3 language take one value each \
         (two for Header and Query), in back-ticks or double quotes: Host(`a.example`) && PathPrefix(`/api`).";
    /// TLS material cannot be used.
    TLS_PROBLEM = "FLD-GW-4005", Error, "TLS configuration cannot be used",
        "A certificate, key, CA or option of TLS cannot be used as written. Handshakes for names that depend on it get the default \
         certificate, or are refused when the options themselves are broken.";
    /// TLS options were adapted.
    TLS_ADAPTED = "FLD-GW-4006", Warning, "TLS option has no effect here",
        "The option asks for something that this TLS implementation does not offer on purpose, such as TLS 1.0, CBC suites or static RSA. \
         The rest of the options is used.";
    /// Two routers of one host disagree on TLS options.
    TLS_CONFLICT = "FLD-GW-4007", Warning, "routers of one host name different TLS options",
        "TLS options are chosen by server name before the request is known, so one host can have only one set. Routers that disagree get the default options, \
         as in Traefik. Give all routers of the host the same tls.options.";
    /// A transport cannot be built.
    TRANSPORT_OFF = "FLD-GW-4008", Error, "servers transport cannot be built",
        "Certificates or TLS settings of the transport to the servers cannot be used. Services that name it are left out: talking to them \
         with other settings than written would be unsafe.";
    /// Something not built yet.
    NOT_YET = "FLD-GW-4010", Error, "not supported by this version",
        "The configuration is understood, but this version cannot run it. The object is left out with everything that depends on it, rather than served without it.";
    /// A certificate will end soon or has ended.
    CERTIFICATE_EXPIRES = "FLD-GW-4011", Warning, "certificate expires",
        "A configured certificate has expired or will within two weeks. Clients refuse expired certificates. Replace the file; the gateway reads it again with the next \
         change of configuration.";
    /// A router can never match.
    SHADOWED = "FLD-GW-4012", Warning, "router never matches",
        "Another router with the same rule on the same entry point has a higher priority, or comes first by provider and name, so this one never sees a request.";
    /// A listener cannot be opened.
    CANNOT_LISTEN = "FLD-GW-4013", Error, "entry point cannot listen",
        "The address is in use, not on this machine, or needs a privilege. The evidence names who holds the port where that can be seen.";
    /// The listeners of a gateway exist but the entry point is not served.
    UDP_NOT_YET = "FLD-GW-4014", Warning, "entry point is not served",
        "UDP entry points are decoded, but this version does not serve them.";
    /// The access log cannot be written.
    ACCESS_LOG = "FLD-GW-4015", Error, "access log cannot be used",
        "The access log's file cannot be opened, or one of its options is not valid. The gateway does not start without the log that its operator asked for.";
}
