// Environment and flags → Config, or every problem at once, each with its fix.
import { join } from "node:path";
import { isLoopback } from "../policy/address-policy.ts";
import type { ProxyTls } from "../proxy/edge/listeners.ts";
import type { PlainEdge } from "../proxy/options.ts";
import type { UpstreamTls } from "../proxy/upstream/tls.ts";
import { readApiTls } from "./api-tls.ts";
import { defaultDataDir } from "./data-dir.ts";
import type { KeyPairFiles } from "./key-pair.ts";
import { readProxyTls } from "./proxy-tls.ts";
import { secretKeysIn } from "./secret-key.ts";
import type { Report } from "./setting.ts";
import type { AccessLogPlace, ListenAddress } from "./setting-readers.ts";
import { flagOf, type SettingName, type SettingValue, settings } from "./settings.ts";

export interface Config {
  /** Absolute path. */
  readonly dataDir: string;
  /** Absolute path of the SQLite file; not used with `postgres`. */
  readonly databasePath: string;
  /** The PostgreSQL database; null: SQLite. */
  readonly postgres: PostgresPlace | null;
  readonly domain: string;
  readonly serverName: string;
  /** Of each listener null: it is off. */
  readonly opsListen: ListenAddress | null;
  readonly restListen: ListenAddress | null;
  readonly grpcListen: ListenAddress | null;
  readonly proxyListen: ListenAddress | null;
  /** Whether other processes of the same user may listen on the proxy's addresses. */
  readonly proxyReusePort: boolean;
  /** Gate processes; 0: the data plane is in the process of the control plane. */
  readonly workers: number;
  readonly proxyEdge: PlainEdge;
  readonly proxyProtocol: readonly string[];
  /** The data plane's TLS listener; null: none. */
  readonly proxyTls: ProxyTls | null;
  /** What the plain listener answers: the HTTPS listener's own port, or the port that clients know it by; null: no redirect. */
  readonly httpsRedirect: "listener" | number | null;
  /** How upstream certificates are verified. */
  readonly upstreamTls: UpstreamTls;
  /** Seconds that running exchanges may take to finish after a stop signal. */
  readonly drainS: number;
  /** Seconds of silence of the control plane after which nothing is allowed; null: no limit. */
  readonly stalenessMaxS: number | null;
  /** TLS of the REST and gRPC listeners; null: plain text. */
  readonly apiTls: KeyPairFiles | null;
  /** 32 bytes each, the one that seals first; null: read from a file in the data directory, created at the first start. */
  readonly secretKeys: readonly Buffer[] | null;
  /** The file that they are from, which may change while we run; null: a variable, or the data directory's. */
  readonly secretKeyFile: string | null;
  /** Whether anyone may create an account. */
  readonly signup: boolean;
  /** Days that events are kept. */
  readonly eventRetentionDays: number;
  /** What one account may have. */
  readonly quotas: {
    readonly projectsMax: number;
    readonly containersMax: number;
    readonly documentBytesMax: number;
  };
  readonly adminUsername: string;
  /** Null: random, printed once. */
  readonly adminPassword: string | null;
  readonly trustedProxies: readonly string[];
  readonly containerCidrs: readonly string[];
  readonly programPorts: Readonly<Record<string, number>>;
  /** Concurrent exchanges of the proxy. */
  readonly exchangesMax: number;
  readonly credentialFailuresMax: number;
  /** Seconds without a byte after which an exchange of the proxy ends; 0: never. */
  readonly streamSilenceS: number;
  /** Bytes that the proxy holds for clients and programs which do not take them. */
  readonly heldBytesMax: number;
  /** Bytes a minute that a request's body must have. */
  readonly bodyBytesPerMinuteMin: number;
  /** Connections to REST and gRPC together; null: derived from the limit of descriptors. */
  readonly apiConnectionsMax: number | null;
  /** Connections of one client network to each of them; null: half of what the listener has. */
  readonly apiConnectionsPerNetworkMax: number | null;
  /** Where the proxy writes a line for each exchange; null: nowhere. */
  readonly accessLog: AccessLogPlace | null;
  /** MiB of the exchange log; 0: there is none. */
  readonly logMaxMb: number;
  readonly logRetentionDays: number;
  readonly feed: FeedConfig;
}

/** For the roles `control`, `proxy` and `gateway`; see node-config.ts. */
export interface FeedConfig {
  /** Null: unset. */
  readonly listen: ListenAddress | null;
  /** Empty: unset. */
  readonly tlsCertPath: string;
  readonly tlsKeyPath: string;
  readonly fullSyncsMax: number;
  readonly feedUrls: readonly string[];
  readonly controlUrls: readonly string[];
  /** Empty: unset. */
  readonly controlCaPath: string;
  /** Null: unset. */
  readonly nodeToken: string | null;
  /** Empty: unset. */
  readonly nodeCertPath: string;
  readonly nodeKeyPath: string;
  readonly nodeCaPath: string;
  readonly processName: string;
}

export interface PostgresPlace {
  /** May have a password. */
  readonly url: string;
  /** Connections at most. */
  readonly poolMax: number;
  readonly timeoutMs: number;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  /** `config`: as far as it could be read. */
  | { readonly ok: false; readonly problems: readonly string[]; readonly config: Config };

type Values = <Name extends SettingName>(name: Name) => SettingValue<Name>;
type ReportSetting = (name: SettingName, problem: string) => void;

/** Variables with the prefix of settings that name none: most likely misspelt. */
export function unknownSettings(
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return Object.keys(environment).filter(
    (name) => name.startsWith("REALMGATE_") && !Object.hasOwn(settings, name),
  );
}

/** A flag overrides its variable. `flags`: the arguments after the role, `--name value` or `--name=value`. */
export function parseConfig(
  environment: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
): ParsedConfig {
  const problems: string[] = [];
  const fromFlags = readFlags(flags, problems);
  const report: ReportSetting = (name, problem) => problems.push(`${name} ${problem}`);
  const value: Values = (name) => {
    const text = fromFlags.get(name) ?? (environment[name] || settings[name].default);
    const reportThis: Report = (problem) => report(name, problem);
    return settings[name].read(text, reportThis) as SettingValue<typeof name>;
  };
  const config = readConfig(value, report, environment);
  return problems.length === 0 ? { ok: true, config } : { ok: false, problems, config };
}

/** Reads each setting once: every read may report. */
function readConfig(
  value: Values,
  report: ReportSetting,
  environment: Readonly<Record<string, string | undefined>>,
): Config {
  const dataDir = value("REALMGATE_DATA_DIR") ?? defaultDataDir(environment);
  const apiTlsPaths = [value("REALMGATE_API_TLS_CERT"), value("REALMGATE_API_TLS_KEY")] as const;
  const place = value("REALMGATE_DATABASE_URL") ?? { path: join(dataDir, "realmgate.sqlite") };
  const connections = {
    poolMax: value("REALMGATE_DATABASE_POOL"),
    timeoutMs: value("REALMGATE_DATABASE_TIMEOUT_MS"),
  };
  const tlsListen = value("REALMGATE_PROXY_TLS_LISTEN");
  const config: Config = {
    dataDir,
    databasePath: "path" in place ? place.path : "",
    postgres: "url" in place ? { url: place.url, ...connections } : null,
    domain: value("REALMGATE_DOMAIN"),
    serverName: value("REALMGATE_SERVER_NAME"),
    opsListen: value("REALMGATE_OPS_LISTEN"),
    restListen: value("REALMGATE_REST_LISTEN"),
    grpcListen: value("REALMGATE_GRPC_LISTEN"),
    proxyListen: value("REALMGATE_PROXY_LISTEN"),
    proxyReusePort: value("REALMGATE_PROXY_REUSE_PORT"),
    workers: value("REALMGATE_WORKERS"),
    proxyEdge: value("REALMGATE_PROXY_EDGE"),
    proxyProtocol: value("REALMGATE_PROXY_PROTOCOL"),
    proxyTls: readProxyTls(
      {
        listen: tlsListen,
        certPath: value("REALMGATE_TLS_CERT"),
        keyPath: value("REALMGATE_TLS_KEY"),
        hstsMaxAgeS: value("REALMGATE_HSTS_MAX_AGE_S"),
      },
      report,
    ),
    httpsRedirect: value("REALMGATE_HTTPS_REDIRECT"),
    upstreamTls: value("REALMGATE_UPSTREAM_TLS_VERIFY"),
    drainS: value("REALMGATE_DRAIN_S"),
    stalenessMaxS: value("REALMGATE_STALENESS_MAX_S"),
    apiTls: readApiTls(...apiTlsPaths, report),
    ...readSecretKeyFile(
      value("REALMGATE_SECRET_KEY"),
      value("REALMGATE_SECRET_KEY_FILE"),
      (problem) => report("REALMGATE_SECRET_KEY_FILE", problem),
    ),
    signup: value("REALMGATE_SIGNUP"),
    eventRetentionDays: value("REALMGATE_EVENT_RETENTION_DAYS"),
    quotas: {
      projectsMax: value("REALMGATE_PROJECTS_PER_USER_MAX"),
      containersMax: value("REALMGATE_CONTAINERS_PER_USER_MAX"),
      documentBytesMax: value("REALMGATE_DOCUMENT_BYTES_PER_USER_MAX"),
    },
    adminUsername: value("REALMGATE_ADMIN_USERNAME"),
    adminPassword: value("REALMGATE_ADMIN_PASSWORD"),
    trustedProxies: value("REALMGATE_TRUSTED_PROXIES"),
    containerCidrs: value("REALMGATE_CONTAINER_CIDRS"),
    programPorts: value("REALMGATE_PROGRAM_PORTS"),
    exchangesMax: value("REALMGATE_EXCHANGES_MAX"),
    credentialFailuresMax: value("REALMGATE_CREDENTIAL_FAILURES_MAX"),
    streamSilenceS: value("REALMGATE_STREAM_SILENCE_S"),
    heldBytesMax: value("REALMGATE_HELD_BYTES_MAX"),
    bodyBytesPerMinuteMin: value("REALMGATE_BODY_BYTES_PER_MINUTE_MIN"),
    apiConnectionsMax: value("REALMGATE_API_CONNECTIONS_MAX"),
    apiConnectionsPerNetworkMax: value("REALMGATE_API_CONNECTIONS_PER_NETWORK_MAX"),
    accessLog: value("REALMGATE_ACCESS_LOG"),
    logMaxMb: value("REALMGATE_LOG_MAX_MB"),
    logRetentionDays: value("REALMGATE_LOG_RETENTION_DAYS"),
    feed: {
      listen: value("REALMGATE_FEED_LISTEN"),
      tlsCertPath: value("REALMGATE_FEED_TLS_CERT"),
      tlsKeyPath: value("REALMGATE_FEED_TLS_KEY"),
      fullSyncsMax: value("REALMGATE_FULL_SYNCS_MAX"),
      feedUrls: value("REALMGATE_FEED_URLS"),
      controlUrls: value("REALMGATE_CONTROL_URLS"),
      controlCaPath: value("REALMGATE_CONTROL_CA"),
      nodeToken: value("REALMGATE_NODE_TOKEN"),
      nodeCertPath: value("REALMGATE_NODE_CERT"),
      nodeKeyPath: value("REALMGATE_NODE_KEY"),
      nodeCaPath: value("REALMGATE_NODE_CA"),
      processName: value("REALMGATE_PROCESS_NAME"),
    },
  };
  if (config.postgres !== null && config.secretKeys === null) {
    const fix = "make one with openssl rand -base64 32, the same for every process of the database";
    report("REALMGATE_SECRET_KEY", `is required with postgres://: ${fix}`);
  }
  if (config.proxyProtocol.length > 0 && config.proxyEdge !== "wire") {
    report("REALMGATE_PROXY_PROTOCOL", "cannot be had with REALMGATE_PROXY_EDGE=serve");
  }
  if (config.proxyListen === null && tlsListen === null) {
    report("REALMGATE_PROXY_LISTEN", "can be off with REALMGATE_PROXY_TLS_LISTEN only");
  }
  if (config.httpsRedirect !== null && (config.proxyListen === null || tlsListen === null)) {
    report(
      "REALMGATE_HTTPS_REDIRECT",
      "needs both listeners, REALMGATE_PROXY_LISTEN and REALMGATE_PROXY_TLS_LISTEN",
    );
  }
  const asksForTls = apiTlsPaths.some((path) => path !== "");
  if (!asksForTls && value("REALMGATE_API_PLAINTEXT") !== "1") refusePlaintext(config, report);
  return config;
}

/** Keys are in the variable or in the file that another one names. */
function readSecretKeyFile(
  secretKeys: Config["secretKeys"],
  path: string | null,
  report: (problem: string) => void,
): Pick<Config, "secretKeys" | "secretKeyFile"> {
  if (path === null) return { secretKeys, secretKeyFile: null };
  if (secretKeys !== null) report("cannot be set beside REALMGATE_SECRET_KEY");
  try {
    const keys = secretKeysIn(path);
    if (keys === null) report(`names ${path}, which does not hold 32 bytes in base64`);
    return { secretKeys: keys, secretKeyFile: path };
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    report(`names ${path}, which cannot be read (${code})`);
    return { secretKeys: null, secretKeyFile: path };
  }
}

/** The API carries credentials: without TLS it may listen on loopback only. */
function refusePlaintext({ restListen, grpcListen }: Config, report: ReportSetting): void {
  const listens = [
    ["REALMGATE_REST_LISTEN", restListen],
    ["REALMGATE_GRPC_LISTEN", grpcListen],
  ] as const;
  for (const [name, listen] of listens) {
    if (listen === null || isLoopback(listen.hostname)) continue;
    const fix =
      "set REALMGATE_API_TLS_CERT and _KEY, or REALMGATE_API_PLAINTEXT=1 if a proxy in front terminates TLS";
    report(name, `is beyond loopback and has no TLS: ${fix}`);
  }
}

function readFlags(flags: readonly string[], problems: string[]): Map<SettingName, string> {
  const names = new Map(Object.keys(settings).map((name) => [flagOf(name), name as SettingName]));
  const texts = new Map<SettingName, string>();
  for (let index = 0; index < flags.length; index++) {
    const [flag = "", inline] = (flags[index] ?? "").split(/=(.*)/s, 2);
    const name = names.get(flag);
    const text = inline ?? flags[++index];
    if (name === undefined) problems.push(`${flag} is not a flag; --help lists them`);
    else if (text === undefined) problems.push(`${flag} needs a value`);
    else texts.set(name, text);
  }
  return texts;
}
