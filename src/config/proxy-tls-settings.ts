// Settings of the data plane's listener with TLS.
import type { Setting } from "./setting.ts";
import {
  readOptionalListen,
  readOptionalSeconds,
  readRedirect,
  readText,
} from "./setting-readers.ts";

export const proxyTlsSettings = {
  REALMGATE_PROXY_TLS_LISTEN: {
    group: "TLS of the data plane",
    default: "",
    unset: "no HTTPS",
    accepts: "`ADDRESS:PORT`",
    meaning: "data plane, HTTPS (HTTP/1.1 and HTTP/2); requires both of:",
    about:
      "Data plane, HTTPS: HTTP/1.1 and HTTP/2 over TLS 1.2 and 1.3. Set this, the certificate and its key, or none of the three.",
    read: readOptionalListen,
  },
  REALMGATE_TLS_CERT: {
    group: "TLS of the data plane",
    default: "",
    unset: "no HTTPS",
    accepts: "PEM file",
    meaning: "PEM certificate chain, the server's own first; reloaded when it changes",
    about:
      "Certificate chain of the data plane, the server's own certificate first. Reloaded when the file changes, and at once on SIGHUP.",
    read: readText,
  },
  REALMGATE_TLS_KEY: {
    group: "TLS of the data plane",
    default: "",
    unset: "no HTTPS",
    accepts: "PEM file",
    meaning: "private key of that certificate, PEM; reloaded when it changes",
    about: "Private key of that certificate, not encrypted. Reloaded with it.",
    read: readText,
  },
  REALMGATE_HSTS_MAX_AGE_S: {
    group: "TLS of the data plane",
    default: "",
    unset: "the header is not sent",
    accepts: "seconds, 0 to 63072000",
    meaning: "seconds in Strict-Transport-Security; not sent when unset",
    about:
      "`max-age` of `Strict-Transport-Security` (RFC 6797) in every answer over TLS; 0 makes clients forget an earlier value.",
    // Two years.
    read: readOptionalSeconds({ min: 0, max: 63_072_000 }),
  },
  REALMGATE_HTTPS_REDIRECT: {
    group: "TLS of the data plane",
    default: "off",
    accepts: "`on`, `off`, or the port that clients use for HTTPS",
    meaning: "on: the plain listener answers 308 to HTTPS; a port: the one that clients use",
    about:
      "The plain listener of the data plane answers requests for the gate's own hosts with 308 to the same URL over HTTPS: `on`, at the port of `REALMGATE_PROXY_TLS_LISTEN`; a number where clients reach that listener at another port, such as 443 in front of 8443. See [TLS](tls.md#redirect-to-https).",
    read: readRedirect,
  },
} as const satisfies Record<`REALMGATE_${string}`, Setting<unknown>>;
