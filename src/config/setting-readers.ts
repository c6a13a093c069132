// Readers of setting values: one for each kind of text.
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { addressPolicy } from "../policy/address-policy.ts";
import { canonicalProgram, isByPort, portMax } from "../policy/program.ts";
import type { PlainEdge } from "../proxy/options.ts";
import { secretKeysFrom } from "./secret-key.ts";
import type { Read } from "./setting.ts";

export interface ListenAddress {
  /** An IP literal without brackets, or a name. */
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
}

/** `stderr`, or the absolute path of a file. */
export type AccessLogPlace = "stderr" | { readonly path: string };

interface SecondsRange {
  readonly min: number;
  readonly max: number;
}

export const readText: Read<string> = (text) => text;

/** A path, made absolute. Null: unset. */
export const readPath: Read<string | null> = (text) => (text === "" ? null : resolve(text));

/** The absolute path of a SQLite file, or the URL of a PostgreSQL database. */
export type DatabasePlace = { readonly path: string } | { readonly url: string };

/** URLs of control planes, separated by commas, without a path. */
export const readUrls: Read<string[]> = (text, report) => {
  const urls = text
    .split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  for (const url of urls) {
    if (/^https?:\/\/[^/?#@]+$/.test(url) && URL.canParse(url)) continue;
    report(`has ${url}: write https://HOST:PORT`);
    return [];
  }
  return urls;
};

/** Null: unset. A report never has the text. */
export const readNodeToken: Read<string | null> = (text, report) => {
  if (text === "") return null;
  if (!/^hdn_[\w-]{43}$/.test(text))
    report("is not a token of a node: realmgate nodes create prints one");
  return text;
};

/** Null: unset. A report never has the text, which may have a password. */
export const readDatabaseUrl: Read<DatabasePlace | null> = (text, report) => {
  if (text === "") return null;
  if (/^postgres(ql)?:\/\/[^/?]*\/[^/?]+(\?|$)/.test(text)) return { url: text };
  const path = text.startsWith("sqlite:") ? text.slice("sqlite:".length) : "";
  if (path === "") report("must be sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE");
  return { path: resolve(path) };
};

/** A host name, in lower case. */
export function readHostName(grammar: RegExp): Read<string> {
  return (text, report) => {
    const name = text.toLowerCase();
    if (!grammar.test(name)) report("must be made of letters, digits and -");
    return name;
  };
}

export const readListen: Read<ListenAddress> = (text, report) => {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([a-zA-Z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const hostname = bracketed ?? plain;
  const port = Number(digits);
  if (hostname === undefined || !(port <= portMax)) {
    report("must be ADDRESS:PORT, for example 127.0.0.1:8080");
    return { hostname: "127.0.0.1", port: 0 };
  }
  return { hostname, port };
};

/** Null: `off`. */
export const readListenOrOff: Read<ListenAddress | null> = (text, report) =>
  text === "off" ? null : readListen(text, report);

/** Where clients of the plain listener are sent: the port of the HTTPS listener, or the port that clients know it by; null: nowhere. */
export const readRedirect: Read<"listener" | number | null> = (text, report) => {
  if (text === "off") return null;
  if (text === "on") return "listener";
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= portMax) return port;
  report("must be on, off or the port that clients use for HTTPS");
  return null;
};

/** Null: unset. */
export const readOptionalListen: Read<ListenAddress | null> = (text, report) =>
  text === "" ? null : readListen(text, report);

export const readOnOff: Read<boolean> = (text, report) => {
  if (text !== "on" && text !== "off") report("must be on or off");
  return text === "on";
};

export const readPlainEdge: Read<PlainEdge> = (text, report) => {
  if (text !== "serve" && text !== "wire") report("must be serve or wire");
  return text === "wire" ? "wire" : "serve";
};

/** `1`: true; unset: false. */
export const readOne: Read<boolean> = (text, report) => {
  if (text !== "" && text !== "1") report("must be 1 or not set");
  return text === "1";
};

/** Null: unset. */
export function readOptionalSeconds({ min, max }: SecondsRange): Read<number | null> {
  return (text, report) => {
    if (text === "") return null;
    const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (seconds >= min && seconds <= max) return seconds;
    report(`must be a whole number of seconds, ${min} to ${max}`);
    return null;
  };
}

export function readSeconds(range: SecondsRange): Read<number> {
  const read = readOptionalSeconds(range);
  return (text, report) => read(text, report) ?? range.min;
}

export const readCount: Read<number> = (text, report) => {
  if (!/^[1-9]\d{0,6}$/.test(text)) report("must be a number from 1 to 9999999");
  return Number(text);
};

/** One for each core; with a single one they would only cost memory. Linux alone lets processes share a listening socket as we do. */
function defaultWorkers(): number {
  const cores = availableParallelism();
  return process.platform === "linux" && cores > 1 ? Math.min(cores, WORKERS_MAX) : 0;
}

const WORKERS_MAX = 256;

export const readWorkers: Read<number> = (text, report) => {
  if (text === "") return defaultWorkers();
  if (!/^\d{1,3}$/.test(text) || Number(text) > WORKERS_MAX)
    report("must be a number from 0 to 256");
  return Number(text);
};

/** Null: unset. */
export const readOptionalCount: Read<number | null> = (text, report) =>
  text === "" ? null : readCount(text, report);
export const readBytes: Read<number> = (text, report) => {
  if (!/^[1-9]\d{0,11}$/.test(text)) report("must be a number from 1 to 999999999999");
  return Number(text);
};

/** MiB; 0: none. */
export const readLogSize: Read<number> = (text, report) => {
  const size = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (size === 0 || (size >= 8 && size <= 1_048_576)) return size;
  report("must be 0, or a number from 8 to 1048576");
  return 0;
};

export const readDays: Read<number> = (text, report) => {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (days >= 1 && days <= 3_650) return days;
  report("must be a number from 1 to 3650");
  return 1;
};

/** Null: off. Opening the file shows whether it can be written. */
export const readAccessLog: Read<AccessLogPlace | null> = (text) => {
  if (text === "off") return null;
  return text === "stderr" ? text : { path: resolve(text) };
};

/** Null: unset. */
export const readSecretKeys: Read<readonly Buffer[] | null> = (text, report) => {
  if (text === "") return null;
  const keys = secretKeysFrom(text);
  if (keys === null) report("must be 32 bytes in base64: openssl rand -base64 32");
  return keys;
};

export const readUsername: Read<string> = (text, report) => {
  if (!/^[a-zA-Z0-9_-]{3,50}$/.test(text)) report("must be 3 to 50 of letters, digits, - and _");
  return text;
};

/** Characters of a password, as the login call accepts it. */
const passwordLengthMin = 8;
const passwordLengthMax = 128;

/** Null: unset. */
export const readPassword: Read<string | null> = (text, report) => {
  if (text === "") return null;
  if (text.length < passwordLengthMin || text.length > passwordLengthMax) {
    report(`must have ${passwordLengthMin} to ${passwordLengthMax} characters`);
  }
  return text;
};

/** Networks in CIDR notation, separated by commas. */
export const readNetworks: Read<string[]> = (text, report) => {
  const networks = text
    .split(",")
    .map((network) => network.trim())
    .filter((network) => network !== "");
  for (const network of networks) {
    try {
      addressPolicy([network]);
    } catch {
      report(`has ${network}, which is not a network: write 10.0.0.0/8 or fd00::/8`);
    }
  }
  return networks;
};

/** `name=port`, separated by commas; keys are canonical program names. */
export const readProgramPorts: Read<Record<string, number>> = (text, report) => {
  const ports = new Map<string, number>();
  const entries = text.split(",").map((entry) => entry.trim());
  for (const entry of entries.filter((entry) => entry !== "")) {
    const [, name = "", digits] = /^([^=]+)=([1-9]\d{0,4})$/.exec(entry) ?? [];
    const program = canonicalProgram(name);
    const port = Number(digits);
    const problem = (reason: string) => report(`has ${entry}: ${reason}`);
    if (program === undefined || !(port <= portMax)) problem("write terminal=76");
    else if (isByPort(program)) problem(`${program} is asked for by port and needs none here`);
    else if (ports.has(program)) problem(`${program} has a port already`);
    else ports.set(program, port);
  }
  return Object.fromEntries(ports);
};
