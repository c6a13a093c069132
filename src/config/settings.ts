// The settings of `realmgate serve`: this table is what the parser reads, `--help` prints and docs/configuration.md shows.
import { databaseSettings } from "./database-settings.ts";
import { logSettings } from "./log-settings.ts";
import { nodeSettings } from "./node-settings.ts";
import { proxyTlsSettings } from "./proxy-tls-settings.ts";
import type { Setting } from "./setting.ts";
import {
  readBytes,
  readCount,
  readHostName,
  readListenOrOff,
  readNetworks,
  readOne,
  readOnOff,
  readOptionalCount,
  readOptionalSeconds,
  readPassword,
  readPath,
  readPlainEdge,
  readProgramPorts,
  readSeconds,
  readSecretKeys,
  readText,
  readUsername,
  readWorkers,
} from "./setting-readers.ts";
import { readUpstreamTls } from "./upstream-tls.ts";

/** By environment variable, in the order of `--help`. */
export const settings = {
  REALMGATE_DATA_DIR: {
    group: "Data",
    default: "",
    unset:
      "`$STATE_DIRECTORY` (systemd); `/var/lib/realmgate` for root; else `$XDG_DATA_HOME/realmgate` or `~/.local/share/realmgate`. `bun start`: `data` in the checkout",
    accepts: "directory",
    meaning:
      "SQLite file, secret key, last snapshot; /var/lib/realmgate or ~/.local/share/realmgate",
    about:
      "Holds the SQLite file, the secret key and the last snapshot; created with mode 0700. The snapshot and the documents in the database are sealed.",
    read: readPath,
  },
  ...databaseSettings,
  REALMGATE_DOMAIN: {
    group: "Names",
    default: "localhost",
    accepts: "host name",
    meaning: "the data plane serves *.<server>.containers.<domain>",
    about: "The data plane serves `*.<server>.containers.<domain>`.",
    read: readHostName(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/),
  },
  REALMGATE_SERVER_NAME: {
    group: "Names",
    default: "local",
    accepts: "one label of a host name",
    meaning: "the {server} label of this node",
    about: "The `<server>` label of this node.",
    read: readHostName(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  },
  REALMGATE_OPS_LISTEN: {
    group: "Listeners",
    default: "127.0.0.1:9090",
    accepts: "`ADDRESS:PORT`, or `off`",
    meaning: "for operators only: /healthz, /readyz, /metrics",
    about:
      "For operators only: `/healthz`, `/readyz`, `/metrics`. Requires no credentials: keep it on a private address.",
    read: readListenOrOff,
  },
  REALMGATE_REST_LISTEN: {
    group: "Listeners",
    default: "127.0.0.1:8080",
    accepts: "`ADDRESS:PORT`, or `off`",
    meaning: "REST API",
    about: "REST API. Accepts any Host; a leading label of 24 hex digits is the realm.",
    read: readListenOrOff,
  },
  REALMGATE_GRPC_LISTEN: {
    group: "Listeners",
    default: "127.0.0.1:50051",
    accepts: "`ADDRESS:PORT`, or `off`",
    meaning: "gRPC API",
    about: "gRPC API: services, health and reflection.",
    read: readListenOrOff,
  },
  REALMGATE_PROXY_LISTEN: {
    group: "Listeners",
    default: "127.0.0.1:8000",
    accepts: "`ADDRESS:PORT`, or `off`",
    meaning: "data plane, HTTP",
    about: "Data plane, HTTP. `off` needs `REALMGATE_PROXY_TLS_LISTEN`.",
    read: readListenOrOff,
  },
  ...proxyTlsSettings,
  REALMGATE_WORKERS: {
    group: "Listeners",
    default: "",
    unset: "one for each core; 0 with one core, and where the system is not Linux",
    accepts: "0 to 256",
    meaning: "processes of the data plane; 0: all in one process",
    about:
      "Role `serve`: processes of the data plane, which share its addresses; 0 keeps everything in one process. A `proxy` is one process, whatever this says: see [several on a machine](scale-out.md#set-it-up). `REALMGATE_EXCHANGES_MAX` and `REALMGATE_HELD_BYTES_MAX` are divided among them; see [operations](operations.md#gate-processes).",
    read: readWorkers,
  },
  REALMGATE_PROXY_REUSE_PORT: {
    group: "Listeners",
    default: "",
    unset: "the addresses are exclusive",
    accepts: "`1`",
    meaning: "1: other processes of this user may listen on the same addresses",
    about:
      "Other processes of the same user may listen on the data plane's addresses, such as a successor before this process ends. Any process of this user can then take a share of the connections.",
    read: readOne,
  },
  REALMGATE_PROXY_EDGE: {
    group: "Listeners",
    default: "wire",
    accepts: "`wire` or `serve`",
    meaning: "what serves HTTP/1.1 on the proxy's listeners",
    about:
      "What serves HTTP/1.1 on the data plane's listeners: `wire`, the gate's own server on bare sockets, which passes requests on as they came, or `serve`, the runtime's HTTP server; see [limits of the edges](edge-limits.md). HTTP/2 is always the runtime's.",
    read: readPlainEdge,
  },
  REALMGATE_PROXY_PROTOCOL: {
    group: "Listeners",
    default: "",
    unset: "none",
    accepts: "networks in CIDR notation, separated by commas",
    meaning: "networks whose connections to the proxy begin with a PROXY header",
    about:
      "Networks of load balancers whose connections to the data plane's plain listener begin with a header of the PROXY protocol, version 1 or 2; the address in it is the peer's from then on. Not with `REALMGATE_PROXY_EDGE=serve`; see [operations](operations.md#behind-a-load-balancer-that-speaks-the-proxy-protocol).",
    read: readNetworks,
  },
  REALMGATE_UPSTREAM_TLS_VERIFY: {
    group: "Containers",
    default: "off",
    accepts: "`off`, `on` (the system's authorities), or a PEM file of authorities",
    meaning: "verify certificates of https-PORT: off, on (the system's authorities), or a file",
    about:
      "How certificates of `https-PORT` upstreams are verified. A verified certificate must name the IP address that the gate dials.",
    read: readUpstreamTls,
  },
  REALMGATE_DRAIN_S: {
    group: "Limits and timeouts",
    default: "30",
    accepts: "seconds, 0 to 3600",
    meaning: "seconds that running exchanges may take to finish after SIGTERM",
    about:
      "How long running exchanges may take to finish after SIGTERM or SIGINT. A second signal ends the process at once.",
    read: readSeconds({ min: 0, max: 3_600 }),
  },
  REALMGATE_STALENESS_MAX_S: {
    group: "Limits and timeouts",
    default: "",
    unset: "any age is enforced",
    accepts: "seconds, 5 to 31536000",
    meaning: "refuse everything when the control plane has been silent for so many seconds",
    about:
      "The proxy refuses everything (503 `stale`) when the control plane has been silent for this long.",
    // Less than five seconds would be shorter than the usual interval between two polls of the feed.
    read: readOptionalSeconds({ min: 5, max: 31_536_000 }),
  },
  REALMGATE_API_TLS_CERT: {
    group: "TLS of the API",
    default: "",
    unset: "plain text",
    accepts: "PEM file",
    meaning: "PEM certificate chain, the server's own first: TLS for REST and gRPC; reloaded",
    about:
      "Certificate chain of the API, the server's own certificate first: TLS 1.2 and 1.3 for REST (HTTP/1.1) and gRPC. Reloaded when the file changes, and at once on SIGHUP. Set it together with its key.",
    read: readText,
  },
  REALMGATE_API_TLS_KEY: {
    group: "TLS of the API",
    default: "",
    unset: "plain text",
    accepts: "PEM file",
    meaning: "private key of that certificate, PEM",
    about: "Private key of that certificate, not encrypted. Reloaded with it.",
    read: readText,
  },
  REALMGATE_API_PLAINTEXT: {
    group: "TLS of the API",
    default: "",
    unset: "the API without TLS must listen on loopback",
    accepts: "`1`",
    meaning: "1: the API may listen beyond loopback without TLS",
    about:
      "Lets the API listen beyond loopback without TLS, for an API behind a proxy that terminates TLS.",
    read: readText,
  },
  REALMGATE_EVENT_RETENTION_DAYS: {
    group: "Accounts and secrets",
    default: "180",
    accepts: "number of days",
    meaning: "days after which an event of the audit trail is deleted",
    about:
      "Days that the audit trail (`GET /api/v1/events`) keeps an event. Nobody can delete or change one; about what belongs to one account 100,000 are kept.",
    read: readCount,
  },
  REALMGATE_SIGNUP: {
    group: "Accounts and secrets",
    default: "off",
    accepts: "`on`, `off`",
    meaning: "on: anyone may create an account",
    about:
      "`on` lets anyone create an account (`POST /auth/signup`). The gate sends no mail: addresses are not verified, so name members of projects by id or user name.",
    read: readOnOff,
  },
  REALMGATE_PROJECTS_PER_USER_MAX: {
    group: "Accounts and secrets",
    default: "500",
    accepts: "1 to 9999999",
    meaning: "projects of one account",
    about: "Projects of one account. Accounts of operators have no quotas.",
    read: readCount,
  },
  REALMGATE_CONTAINERS_PER_USER_MAX: {
    group: "Accounts and secrets",
    default: "5000",
    accepts: "1 to 9999999",
    meaning: "containers in all projects of one account",
    about: "Containers in all projects of one account, whoever creates them. Operators: as above.",
    read: readCount,
  },
  REALMGATE_DOCUMENT_BYTES_PER_USER_MAX: {
    group: "Accounts and secrets",
    default: "67108864",
    accepts: "1 to 999999999999",
    meaning: "bytes of all permission documents and hooks of one account",
    about:
      "Bytes of all permission documents and hooks in the projects of one account, as they are stored. Writes that do not grow are never refused. Operators: as above.",
    read: readBytes,
  },
  REALMGATE_SECRET_KEY: {
    group: "Accounts and secrets",
    default: "",
    unset: "`secret.key` in the data directory, created at the first start (mode 0600)",
    accepts: "32 bytes in base64: `openssl rand -base64 32`",
    meaning: "32 bytes, base64; a 0600 file in the data directory when unset",
    about:
      "Seals documents at rest and signs sessions. Several with commas between them while one takes the place of another: the first seals, all of them open ([a new secret key](operations.md#a-new-secret-key)).",
    read: readSecretKeys,
  },
  REALMGATE_SECRET_KEY_FILE: {
    group: "Accounts and secrets",
    default: "",
    unset: "`REALMGATE_SECRET_KEY`, or the data directory's",
    accepts: "file",
    meaning: "file with the key, or keys, one on each line; read again when it changes",
    about:
      "A file with the key in place of `REALMGATE_SECRET_KEY`, or keys, one on each line. It is read again every second and on SIGHUP, so that a running process gets another key.",
    read: readPath,
  },
  REALMGATE_ADMIN_USERNAME: {
    group: "Accounts and secrets",
    default: "admin",
    accepts: "3 to 50 of letters, digits, `-` and `_`",
    meaning: "name of the first user",
    about: "Name of the first user, who is created at the first start; not read afterwards.",
    read: readUsername,
  },
  REALMGATE_ADMIN_PASSWORD: {
    group: "Accounts and secrets",
    default: "",
    unset: "random, printed once on stderr",
    accepts: "8 to 128 characters",
    meaning: "password of the first user; random and printed once when unset",
    about: "Password of the first user, who is created at the first start; not read afterwards.",
    read: readPassword,
  },
  REALMGATE_TRUSTED_PROXIES: {
    group: "Listeners",
    default: "",
    unset: "none",
    accepts: "networks in CIDR notation, separated by commas",
    meaning: "networks whose X-Forwarded-For is trusted",
    about: "Networks whose `X-Forwarded-For` is trusted.",
    read: readNetworks,
  },
  REALMGATE_CONTAINER_CIDRS: {
    group: "Containers",
    default: "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1/128,fc00::/7",
    accepts: "networks in CIDR notation, separated by commas",
    meaning: "networks where containers may live",
    about:
      "Networks where containers may live. The gate never dials link-local addresses or its own listeners, whatever is set.",
    read: readNetworks,
  },
  REALMGATE_PROGRAM_PORTS: {
    group: "Containers",
    default: "terminal=76,display=3998,sqlite=5",
    accepts: "`NAME=PORT`, separated by commas",
    meaning: "default port of each program",
    about:
      "Default port of each program. Not for `http`, `https` and `ssh`: requests name them by port.",
    read: readProgramPorts,
  },
  REALMGATE_EXCHANGES_MAX: {
    group: "Limits and timeouts",
    default: "32768",
    accepts: "1 to 9999999",
    meaning: "concurrent requests, WebSockets and tunnels of the proxy; two sockets each",
    about:
      "Concurrent requests, WebSockets and tunnels of the proxy. A container has at most three quarters of them, a client network at most half, and each so many times what is still free: there is always room for who has none yet. Each needs two sockets: where `ulimit -n` does not suffice there are fewer, which is logged at start.",
    read: readCount,
  },
  REALMGATE_CREDENTIAL_FAILURES_MAX: {
    group: "Limits and timeouts",
    default: "100",
    accepts: "1 to 9999999",
    meaning: "wrong credentials a minute from one client network for one container",
    about:
      "Wrong passwords, tokens and JWTs that one client network (an IPv4 address, an IPv6 /64) may present to one container in a minute. Above it they are answered 429 instead of 401 or 403; right credentials and requests without any are not affected.",
    read: readCount,
  },
  REALMGATE_STREAM_SILENCE_S: {
    group: "Limits and timeouts",
    default: "3600",
    accepts: "seconds, 0 to 604800",
    meaning: "seconds without a byte after which an exchange of the proxy ends; 0: never",
    about:
      "How long an answer, a WebSocket or a tunnel may go on without a byte in either direction; pings count. 0: without a limit.",
    read: readSeconds({ min: 0, max: 604_800 }),
  },
  REALMGATE_HELD_BYTES_MAX: {
    group: "Limits and timeouts",
    default: "268435456",
    accepts: "1 to 999999999999",
    meaning: "bytes of the proxy that wait for clients and programs which do not take them, in all",
    about:
      "Bytes of answers, requests and tunnels that the proxy holds because a client or a program does not take them, in all. Beyond it the exchange that has stalled longest ends, of the client network or the container that holds most; from a quarter of it on, a client network that holds more than what is still free, and a container that holds three times that, lose what has stood still for ten seconds. What the kernel holds is not counted.",
    read: readBytes,
  },
  REALMGATE_BODY_BYTES_PER_MINUTE_MIN: {
    group: "Limits and timeouts",
    default: "240",
    accepts: "1 to 9999999",
    meaning: "bytes a minute that the body of a request of the proxy must have",
    about:
      "Pace of a request's body: with fewer bytes in a minute in which the gate waited for the client, the request ends (504 `upstream_timeout`). Not looked at once the answer has begun.",
    read: readCount,
  },
  REALMGATE_API_CONNECTIONS_MAX: {
    group: "Limits and timeouts",
    default: "",
    unset: "a third of a quarter of `ulimit -n`, 1,024 at most",
    accepts: "1 to 9999999",
    meaning: "connections to REST and gRPC together; three descriptors each",
    about:
      "Connections to the API; REST and gRPC have half of them each. When all are taken, a new client gets the place of the network that has the most. Each needs up to three descriptors, which the data plane does not get.",
    read: readOptionalCount,
  },
  REALMGATE_API_CONNECTIONS_PER_NETWORK_MAX: {
    group: "Limits and timeouts",
    default: "",
    unset: "half of what the listener has",
    accepts: "1 to 9999999",
    meaning: "connections of one client network to REST, and to gRPC",
    about:
      "Connections of one client network (an IPv4 address, or an IPv6 /64) to REST, and as many to gRPC. Trusted proxies, which speak for many clients, are exempt.",
    read: readOptionalCount,
  },
  ...logSettings,
  ...nodeSettings,
} as const satisfies Record<`REALMGATE_${string}`, Setting<unknown>>;

export type SettingName = keyof typeof settings;

/** The value that a setting's reader returns. */
export type SettingValue<Name extends SettingName> = ReturnType<(typeof settings)[Name]["read"]>;

/** `REALMGATE_REST_LISTEN` → `--rest-listen`. */
export function flagOf(name: string): string {
  return `--${name.slice("REALMGATE_".length).toLowerCase().replaceAll("_", "-")}`;
}
