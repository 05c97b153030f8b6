//! What can be wrong with a gateway's configuration, beyond what the decoder finds.

fairlead_diag::codes! {
    /// An option of Traefik v2 that v3 does not have.
    REMOVED_OPTION = "FLD-GW-1001", Error, "option of an older version",
        "This option belongs to an older version and was removed. Traefik v3 refuses to start with it. The finding says \
         what took its place; move the setting there or remove it.";
    /// Two entry points listen on the same address.
    DUPLICATE_ADDRESS = "FLD-GW-1002", Error, "two entry points on one address",
        "Two entry points want the same port and protocol, so the second one cannot listen. An address without a host \
         takes the port on every address of the machine. Change one of them or remove it.";
    /// An entry point has no address.
    NO_ADDRESS = "FLD-GW-1003", Error, "entry point without an address",
        "An entry point needs an address such as `:80`, `127.0.0.1:8080` or `:53/udp`. Without it there is nothing to \
         listen on.";
    /// A static option names an entry point that is not declared.
    UNKNOWN_ENTRY_POINT = "FLD-GW-1004", Error, "entry point is not declared",
        "The option names an entry point that does not exist, so what it configures is never reached. Entry points are \
         declared in the static configuration under `entryPoints`; names are case-sensitive.";
    /// A text is neither an IP address nor a network.
    BAD_NETWORK = "FLD-GW-1005", Error, "neither an address nor a network",
        "The option takes IP addresses (`10.0.0.1`, `::1`) and networks in CIDR form (`10.0.0.0/8`). Host names are not \
         taken, because trust must not depend on DNS.";
    /// No provider is configured.
    NO_PROVIDER = "FLD-GW-1006", Warning, "no provider",
        "Without a provider there are no routers, so every request is answered with 404. Add one under `providers`, for \
         example `providers.file.filename`.";
    /// A value that contradicts another.
    CONTRADICTION = "FLD-GW-1007", Warning, "options contradict each other",
        "Two options are set of which only one can have an effect. The finding says which one wins. Remove the other.";
    /// An option outside the values that make sense.
    BAD_OPTION = "FLD-GW-1008", Error, "option cannot work with this value",
        "The value is of the right type but cannot work, as the message explains.";
    /// A provider's option that it cannot work without.
    MISSING_OPTION = "FLD-GW-1009", Error, "required option is missing",
        "The section needs this option to do anything, and there is no default for it.";

    /// A service or middleware of several types.
    MULTI_TYPE = "FLD-GW-1020", Error, "object of several types",
        "A service or a middleware has exactly one type. Here several are declared under one name, so none of them can \
         be meant for certain, and the object is left out. Declare one object for each type.";
    /// A service or middleware without a type.
    NO_TYPE = "FLD-GW-1021", Error, "object without a type",
        "A service or a middleware has exactly one type, such as `loadBalancer` or `stripPrefix`. Here there is none, so \
         the object is left out.";
    /// A reference to an object that does not exist.
    DANGLING = "FLD-GW-1022", Error, "reference to nothing",
        "The name refers to an object that no provider declares, so the referring object cannot work: a router is \
         disabled. A name without `@provider` is looked for in the provider of the object that uses it; to use one of \
         another provider, write `name@provider`.";
    /// A router without a rule.
    NO_RULE = "FLD-GW-1023", Error, "router without a rule",
        "A router needs a rule that says which requests it takes, such as ``Host(`a.example`)``. Without one it is \
         disabled.";
    /// A router names an entry point that does not exist.
    ROUTER_ENTRY_POINT = "FLD-GW-1024", Warning, "router names an unknown entry point",
        "The router names an entry point that the static configuration does not declare, so it does not listen there. \
         When none of its entry points exists, it is disabled. Names are case-sensitive.";
    /// A router without any valid entry point.
    NO_ENTRY_POINT = "FLD-GW-1025", Error, "router without a valid entry point",
        "None of the entry points that the router names exists, or there is no entry point of its kind, so nothing can \
         reach it.";
    /// A priority above what users may set.
    PRIORITY_TOO_HIGH = "FLD-GW-1026", Error, "priority is too high",
        "The highest priorities are kept for internal routers such as that of ACME challenges. Leave the priority out to \
         order routers by the length of their rules, or choose a smaller number.";
    /// A router without a service.
    NO_SERVICE = "FLD-GW-1027", Error, "router without a service",
        "A router needs a service that answers its requests. Without one it is disabled.";
    /// A service without servers.
    NO_SERVERS = "FLD-GW-1028", Warning, "service without servers",
        "The service is there but has no server, so each request to it is answered with 503 and `no available server`. \
         Often the servers' provider has found none: no running container, no endpoint.";
    /// Routers that cannot be told apart.
    TIE = "FLD-GW-1029", Warning, "routers that cannot be told apart",
        "Two routers on the same entry point have the same rule and the same priority. Only one of them ever gets a \
         request; which one depends on the order of providers and names. Remove one, or set priorities.";
    /// A certificate without its key.
    NO_KEY = "FLD-GW-1030", Error, "certificate and key do not come together",
        "A certificate is of use only with its private key. Set both `certFile` and `keyFile`.";
    /// A TLS version or cipher suite that is not known or not offered.
    TLS_UNSUPPORTED = "FLD-GW-1031", Warning, "TLS setting that is not offered",
        "TLS is spoken by rustls, which offers TLS 1.2 and 1.3 with forward secrecy and authenticated encryption only. \
         TLS 1.0 and 1.1, and cipher suites with CBC, RC4, 3DES or RSA key exchange, are not there: they are broken or \
         too weak. The setting is left out; clients that know nothing better cannot connect.";
    /// A TLS setting that contradicts itself.
    TLS_INVALID = "FLD-GW-1032", Error, "TLS options that cannot work",
        "The TLS options name a version that does not exist, a lowest version above the highest, or client \
         authentication that must check certificates without an authority to check them against.";
    /// Default TLS options or store declared by several providers.
    AMBIGUOUS_DEFAULT = "FLD-GW-1033", Error, "default declared by several providers",
        "The TLS options and the TLS store `default` belong to no provider. Several providers declare them, so none is \
         taken. Keep one.";
    /// A TLS store that has no effect.
    STORE_WITHOUT_EFFECT = "FLD-GW-1034", Warning, "TLS store without effect",
        "Only the store `default` is used. Certificates and settings of any other store have no effect.";
    /// Services or middlewares that lead back to themselves.
    CYCLE = "FLD-GW-1035", Error, "objects that lead back to themselves",
        "Following the references leads back to where they started, so a request would run for ever. The objects on the \
         way are disabled. Take one reference out.";
    /// A server whose address cannot be used.
    BAD_SERVER = "FLD-GW-1036", Error, "server without a usable address",
        "An HTTP server is written as a URL with the scheme `http`, `https` or `h2c` and a host: `http://10.0.0.1:8080`. \
         A TCP or UDP server is written as `host:port`.";

    /// A dynamic configuration has a top-level section that is none.
    UNKNOWN_SECTION = "FLD-GW-1037", Error, "section is not known",
        "A dynamic configuration has the sections `http`, `tcp`, `udp` and `tls`. This one is none of them, so what stands in \
         it has no effect; the rest of the file counts. Sections whose names begin with `x-`, for YAML anchors, are passed over.";

    /// An option that is read but does nothing yet.
    NOT_YET = "FLD-GW-1090", Warning, "option without effect yet",
        "The option is known and was read, but what it asks for is not implemented. The finding says what happens \
         instead. Everything else in the configuration works as written.";
    /// An option that does nothing on purpose.
    NO_EFFECT = "FLD-GW-1091", Info, "option without effect",
        "The option is taken so that a configuration need not be changed, and has no effect, as the message explains.";
}
