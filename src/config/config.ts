// Environment and flags → Config, or every problem at once, each with its fix.
import { join, resolve } from "node:path";
import { addressPolicy, isLoopback } from "../policy/address-policy.ts";
import { canonicalProgram, isByPort, portMax } from "../policy/program.ts";
import type { ProxyTls } from "../proxy/edge/listeners.ts";
import type { UpstreamTls } from "../proxy/upstream/tls.ts";
import { type ApiTls, readApiTls } from "./api-tls.ts";
import { readProxyTls } from "./proxy-tls.ts";
import { readUpstreamTls } from "./upstream-tls.ts";

export interface Listen {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
}

export interface Config {
  readonly dataDir: string;
  /** Path of the SQLite file. */
  readonly databasePath: string;
  readonly domain: string;
  readonly serverName: string;
  readonly opsListen: Listen;
  readonly restListen: Listen;
  readonly grpcListen: Listen;
  readonly proxyListen: Listen;
  /** Whether other processes of the same user may listen there, too. */
  readonly proxyReusePort: boolean;
  /** The data plane's listener with TLS; null: there is none. */
  readonly proxyTls: ProxyTls | null;
  /** How certificates of upstreams are looked at. */
  readonly upstreamTls: UpstreamTls;
  /** How long running exchanges may take to end when the process is told to. */
  readonly drainS: number;
  /** How old what the control plane said may become before nothing is allowed; null: any age. */
  readonly stalenessMaxS: number | null;
  /** For the REST and gRPC listeners; null: they speak plain text. */
  readonly apiTls: ApiTls | null;
  /** 32 bytes; null: from a file in the data directory, made at first boot. */
  readonly secretKey: Buffer | null;
  /** Whether strangers may make accounts. */
  readonly signup: boolean;
  readonly adminUsername: string;
  /** Null: random, printed once. */
  readonly adminPassword: string | null;
  readonly trustedProxies: readonly string[];
  readonly containerCidrs: readonly string[];
  readonly programPorts: Readonly<Record<string, number>>;
  /** Of the proxy, at a time. */
  readonly exchangesMax: number;
  /** Where a line for each exchange of the proxy goes; null: nowhere. */
  readonly accessLog: AccessLogPlace | null;
}

/** `stderr`, or the absolute path of a file. */
export type AccessLogPlace = "stderr" | { readonly path: string };

export type Parsed =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Every setting: its variable (the flag is the same in kebab case, `--rest-listen`), default, and meaning. */
export const settings = {
  REALMGATE_DATA_DIR: ["./data", "SQLite file, secret key"],
  REALMGATE_DATABASE_URL: ["", "sqlite:PATH; in the data directory when unset"],
  REALMGATE_DOMAIN: ["localhost", "data plane on *.<server>.containers.<domain>"],
  REALMGATE_SERVER_NAME: ["local", "this node's {server} label"],
  REALMGATE_OPS_LISTEN: ["127.0.0.1:9090", "operators only: /healthz, /readyz, /metrics"],
  REALMGATE_REST_LISTEN: ["127.0.0.1:8080", "REST API"],
  REALMGATE_GRPC_LISTEN: ["127.0.0.1:50051", "gRPC API"],
  REALMGATE_PROXY_LISTEN: ["127.0.0.1:8000", "data plane, HTTP"],
  REALMGATE_PROXY_TLS_LISTEN: ["", "data plane, HTTPS (HTTP/1.1 and HTTP/2); needs both of:"],
  REALMGATE_TLS_CERT: ["", "file of PEM certificates, the data plane's own first; followed"],
  REALMGATE_TLS_KEY: ["", "file with the key of that certificate, PEM; followed"],
  REALMGATE_HSTS_MAX_AGE_S: ["", "seconds in Strict-Transport-Security; not sent when unset"],
  REALMGATE_PROXY_REUSE_PORT: ["", "1: other processes of this user may listen there, too"],
  REALMGATE_UPSTREAM_TLS_VERIFY: [
    "off",
    "certificates of https-PORT: off, on (the system's authorities), or a file of authorities",
  ],
  REALMGATE_DRAIN_S: ["30", "what runs may take so long to end after SIGTERM"],
  REALMGATE_STALENESS_MAX_S: ["", "refuse everything when the control plane was not heard so long"],
  REALMGATE_API_TLS_CERT: [
    "",
    "file of PEM certificates, the API's own first: TLS for REST and gRPC",
  ],
  REALMGATE_API_TLS_KEY: ["", "file with the key of that certificate, PEM"],
  REALMGATE_API_PLAINTEXT: ["", "1: the API may listen beyond loopback without TLS"],
  REALMGATE_SIGNUP: ["off", "on: strangers may make accounts"],
  REALMGATE_SECRET_KEY: ["", "32 bytes, base64; a 0600 file in the data directory when unset"],
  REALMGATE_ADMIN_USERNAME: ["admin", "first user"],
  REALMGATE_ADMIN_PASSWORD: ["", "first user's password; random and printed once when unset"],
  REALMGATE_TRUSTED_PROXIES: ["", "networks whose X-Forwarded-For is believed"],
  REALMGATE_CONTAINER_CIDRS: [
    "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1/128,fc00::/7",
    "networks where containers may live",
  ],
  REALMGATE_PROGRAM_PORTS: ["terminal=76,display=3998,sqlite=5", "default port of each program"],
  REALMGATE_EXCHANGES_MAX: [
    "32768",
    "requests, WebSockets and tunnels that the proxy has open at a time; two sockets each",
  ],
  REALMGATE_ACCESS_LOG: ["off", "a line of JSON for each exchange of the proxy: stderr, or a file"],
} as const satisfies Record<string, readonly [fallback: string, meaning: string]>;

type Setting = keyof typeof settings;

interface SecondsRange {
  readonly min: number;
  readonly max: number;
}

const drainSRange: SecondsRange = { min: 0, max: 3_600 };
/** Under some seconds the ordinary distance between two looks would be too long. */
const stalenessSRange: SecondsRange = { min: 5, max: 31_536_000 };
/** Two years; 0 tells clients to forget what they were told. */
const hstsSRange: SecondsRange = { min: 0, max: 63_072_000 };

/** As Login takes it. */
const passwordLengthMin = 8;
const passwordLengthMax = 128;

/** What `--help` prints: every setting as a flag, with its meaning and default. */
export function settingsHelp(): string {
  const width = Math.max(...Object.keys(settings).map((setting) => flagOf(setting).length));
  return Object.entries(settings)
    .map(([setting, [fallback, meaning]]) => {
      const shown = fallback === "" ? "" : ` (${fallback})`;
      return `  ${flagOf(setting).padEnd(width)} ${meaning}${shown}`;
    })
    .join("\n");
}

/** Variables that look like settings and are none: most likely misspelt. */
export function unknownSettings(
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return Object.keys(environment).filter(
    (name) => name.startsWith("REALMGATE_") && !Object.hasOwn(settings, name),
  );
}

export function flagOf(setting: string): string {
  return `--${setting.slice("REALMGATE_".length).toLowerCase().replaceAll("_", "-")}`;
}

/** Flags beat the environment. `flags` are the arguments after the role: `--name value` or `--name=value`. */
export function parseConfig(
  environment: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
): Parsed {
  const problems: string[] = [];
  const fromFlags = readFlags(flags, problems);
  const text = (setting: Setting): string =>
    fromFlags.get(setting) ?? (environment[setting] || settings[setting][0]);
  const fail = (setting: Setting, problem: string): void => {
    problems.push(`${setting} ${problem}`);
  };

  const dataDir = resolve(text("REALMGATE_DATA_DIR"));
  const config: Config = {
    dataDir,
    databasePath: readDatabase(text("REALMGATE_DATABASE_URL"), dataDir, fail),
    domain: readHostName("REALMGATE_DOMAIN", /^[a-z0-9-]+(\.[a-z0-9-]+)*$/, text, fail),
    serverName: readHostName(
      "REALMGATE_SERVER_NAME",
      /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
      text,
      fail,
    ),
    opsListen: readListen("REALMGATE_OPS_LISTEN", text, fail),
    restListen: readListen("REALMGATE_REST_LISTEN", text, fail),
    grpcListen: readListen("REALMGATE_GRPC_LISTEN", text, fail),
    proxyListen: readListen("REALMGATE_PROXY_LISTEN", text, fail),
    proxyReusePort: readFlag("REALMGATE_PROXY_REUSE_PORT", text, fail),
    proxyTls: readProxyTlsSettings(text, fail),
    upstreamTls: readUpstreamTls(text("REALMGATE_UPSTREAM_TLS_VERIFY"), (problem) =>
      fail("REALMGATE_UPSTREAM_TLS_VERIFY", problem),
    ),
    drainS: readSeconds("REALMGATE_DRAIN_S", drainSRange, text, fail) ?? 0,
    stalenessMaxS: readSeconds("REALMGATE_STALENESS_MAX_S", stalenessSRange, text, fail),
    apiTls: readApiTls(text("REALMGATE_API_TLS_CERT"), text("REALMGATE_API_TLS_KEY"), fail),
    secretKey: readSecretKey(text("REALMGATE_SECRET_KEY"), fail),
    signup: readSwitch("REALMGATE_SIGNUP", text, fail),
    adminUsername: text("REALMGATE_ADMIN_USERNAME"),
    adminPassword: text("REALMGATE_ADMIN_PASSWORD") || null,
    trustedProxies: readNetworks("REALMGATE_TRUSTED_PROXIES", text, fail),
    containerCidrs: readNetworks("REALMGATE_CONTAINER_CIDRS", text, fail),
    programPorts: readProgramPorts(text("REALMGATE_PROGRAM_PORTS"), fail),
    exchangesMax: readCount("REALMGATE_EXCHANGES_MAX", text, fail),
    accessLog: readAccessLog(text("REALMGATE_ACCESS_LOG")),
  };
  if (!/^[a-zA-Z0-9_-]{3,50}$/.test(config.adminUsername)) {
    fail("REALMGATE_ADMIN_USERNAME", "must be 3 to 50 of letters, digits, - and _");
  }
  const passwordLength = config.adminPassword?.length ?? passwordLengthMin;
  if (passwordLength < passwordLengthMin || passwordLength > passwordLengthMax) {
    const range = `${passwordLengthMin} to ${passwordLengthMax}`;
    fail("REALMGATE_ADMIN_PASSWORD", `must have ${range} characters`);
  }
  const hasTls = text("REALMGATE_API_TLS_CERT") !== "" || text("REALMGATE_API_TLS_KEY") !== "";
  if (!hasTls && text("REALMGATE_API_PLAINTEXT") !== "1") {
    const listens = {
      REALMGATE_REST_LISTEN: config.restListen,
      REALMGATE_GRPC_LISTEN: config.grpcListen,
    } as const;
    for (const [setting, { hostname }] of Object.entries(listens)) {
      if (!isLoopback(hostname)) {
        const fix =
          "set REALMGATE_API_TLS_CERT and _KEY, or REALMGATE_API_PLAINTEXT=1 if something in front has it";
        fail(setting as Setting, `is beyond loopback and has no TLS: ${fix}`);
      }
    }
  }
  return problems.length === 0 ? { ok: true, config } : { ok: false, problems };
}

type Text = (setting: Setting) => string;
type Fail = (setting: Setting, problem: string) => void;

function readFlags(flags: readonly string[], problems: string[]): Map<Setting, string> {
  const names = new Map(
    Object.keys(settings).map((setting) => [flagOf(setting), setting as Setting]),
  );
  const values = new Map<Setting, string>();
  for (let index = 0; index < flags.length; index++) {
    const [name = "", inline] = (flags[index] ?? "").split(/=(.*)/s, 2);
    const setting = names.get(name);
    const value = inline ?? flags[++index];
    if (setting === undefined) problems.push(`${name} is not a flag; --help lists them`);
    else if (value === undefined) problems.push(`${name} needs a value`);
    else values.set(setting, value);
  }
  return values;
}

function readDatabase(url: string, dataDir: string, fail: Fail): string {
  if (url === "") return join(dataDir, "realmgate.sqlite");
  if (url.startsWith("sqlite:") && url.length > "sqlite:".length) return resolve(url.slice(7));
  fail("REALMGATE_DATABASE_URL", "must be sqlite:PATH");
  return "";
}

function readHostName(setting: Setting, grammar: RegExp, text: Text, fail: Fail): string {
  const name = text(setting).toLowerCase();
  if (!grammar.test(name)) fail(setting, "must be made of letters, digits and -");
  return name;
}

function readSwitch(setting: Setting, text: Text, fail: Fail): boolean {
  const word = text(setting);
  if (word !== "on" && word !== "off") fail(setting, "must be on or off");
  return word === "on";
}

function readFlag(setting: Setting, text: Text, fail: Fail): boolean {
  const word = text(setting);
  if (word !== "" && word !== "1") fail(setting, "must be 1 or not set");
  return word === "1";
}

/** Null when it is not set or out of range. */
function readSeconds(
  setting: Setting,
  { min, max }: SecondsRange,
  text: Text,
  fail: Fail,
): number | null {
  const digits = text(setting);
  if (digits === "") return null;
  const seconds = /^\d{1,9}$/.test(digits) ? Number(digits) : Number.NaN;
  if (seconds >= min && seconds <= max) return seconds;
  fail(setting, `must be a whole number of seconds, ${min} to ${max}`);
  return null;
}

function readProxyTlsSettings(text: Text, fail: Fail): ProxyTls | null {
  return readProxyTls(
    {
      listen: text("REALMGATE_PROXY_TLS_LISTEN"),
      certPath: text("REALMGATE_TLS_CERT"),
      keyPath: text("REALMGATE_TLS_KEY"),
      hstsMaxAgeS: readSeconds("REALMGATE_HSTS_MAX_AGE_S", hstsSRange, text, fail),
    },
    () => readListen("REALMGATE_PROXY_TLS_LISTEN", text, fail),
    fail,
  );
}

function readCount(setting: Setting, text: Text, fail: Fail): number {
  const digits = text(setting);
  if (!/^[1-9]\d{0,6}$/.test(digits)) fail(setting, "must be a number from 1 to 9999999");
  return Number(digits);
}

/** Whether the file can be written is found out when it is opened. */
function readAccessLog(place: string): AccessLogPlace | null {
  if (place === "off") return null;
  return place === "stderr" ? place : { path: resolve(place) };
}

function readListen(setting: Setting, text: Text, fail: Fail): Listen {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9.-]+)):(\d{1,5})$/.exec(text(setting)) ?? [];
  const hostname = bracketed ?? plain;
  const port = Number(digits);
  if (hostname === undefined || !(port <= portMax)) {
    fail(setting, "must be ADDRESS:PORT, for example 127.0.0.1:8080");
    return { hostname: "127.0.0.1", port: 0 };
  }
  return { hostname, port };
}

function readSecretKey(base64: string, fail: Fail): Buffer | null {
  if (base64 === "") return null;
  const key = secretKeyFrom(base64);
  if (key === null) {
    fail("REALMGATE_SECRET_KEY", "must be 32 bytes in base64: openssl rand -base64 32");
  }
  return key;
}

/** 32 bytes from canonical base64, padded or not; null for any other text, white space around it included. */
export function secretKeyFrom(base64: string): Buffer | null {
  const key = Buffer.from(base64, "base64");
  // The runtime skips what is not base64, so the text has to be what the bytes are written as.
  const padded = key.toString("base64");
  const canonical = base64 === padded || `${base64}=` === padded;
  return key.length === 32 && canonical ? key : null;
}

function readNetworks(setting: Setting, text: Text, fail: Fail): string[] {
  const networks = text(setting)
    .split(",")
    .map((network) => network.trim())
    .filter((network) => network !== "");
  for (const network of networks) {
    try {
      addressPolicy([network]);
    } catch {
      fail(setting, `has ${network}, which is no network: write 10.0.0.0/8 or fd00::/8`);
    }
  }
  return networks;
}

function readProgramPorts(text: string, fail: Fail): Record<string, number> {
  const ports = new Map<string, number>();
  const entries = text.split(",").map((entry) => entry.trim());
  for (const entry of entries.filter((entry) => entry !== "")) {
    const [, name = "", digits] = /^([^=]+)=([1-9]\d{0,4})$/.exec(entry) ?? [];
    const program = canonicalProgram(name);
    const port = Number(digits);
    const problem = (reason: string) => fail("REALMGATE_PROGRAM_PORTS", `has ${entry}: ${reason}`);
    if (program === undefined || !(port <= portMax)) problem("write terminal=76");
    else if (isByPort(program)) problem(`${program} is asked for by port and needs none here`);
    else if (ports.has(program)) problem(`${program} has a port already`);
    else ports.set(program, port);
  }
  return Object.fromEntries(ports);
}
