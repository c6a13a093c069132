// The role `connect`: a tunnel from stdin and stdout to a program's TCP port, for OpenSSH's ProxyCommand.
import type { Readable, Writable } from "node:stream";
import { parseArgs } from "node:util";
import { openTunnel } from "../websocket/tunnel.ts";

const connectUsage = `usage: realmgate connect HOST [--gate URL] [--kit-token T [--kit-token-header NAME]] [--kit-user U --kit-password P]

HOST          the host name of the program: PROJECT-CONTAINER-ssh-22.SERVER.containers.DOMAIN
--gate        URL of the gate, if not https://HOST: https://name:port or http://name:port
--kit-token   token that the program's permission document requires: sent as Authorization: Bearer T, or in the header that
              --kit-token-header names
--kit-user, --kit-password   sent as Authorization: Basic

Variables keep secrets out of the process list: REALMGATE_KIT_TOKEN, REALMGATE_KIT_TOKEN_HEADER, REALMGATE_KIT_USER,
REALMGATE_KIT_PASSWORD (or with HOODY_).

NODE_EXTRA_CA_CERTS=FILE.pem trusts a private certificate authority.

ssh -o ProxyCommand='realmgate connect %h' user@HOST`;

export interface TunnelArguments {
  readonly host: string;
  /** `http:` or `https:`. */
  readonly gate: URL;
  /** Sent with the handshake; names in lower case. */
  readonly credentials: Readonly<Record<string, string>>;
}

type ParsedConnect =
  | { readonly ok: true; readonly options: TunnelArguments }
  | { readonly ok: false; readonly problem: string };

/** Environment variables of `connect` with our prefix. */
export const connectVariables = ["TOKEN", "TOKEN_HEADER", "USER", "PASSWORD"].map(
  (name) => `REALMGATE_KIT_${name}`,
);

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Printable ASCII: one line of an HTTP header. */
const HEADER_VALUE = /^[\x20-\x7e]+$/;
/** How long the gate may take to answer: more than the minute that it gives the program. */
const ANSWER_MS = 70_000;

/** A flag overrides its variable. */
export function parseConnect(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ParsedConnect {
  let parsed: ReturnType<typeof words>;
  try {
    parsed = words(args);
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const [host = "", ...others] = positionals;
  if (!HOST.test(host) || others.length > 0) {
    return problem("give exactly one HOST, without scheme or port");
  }
  const gate = URL.parse(values.gate ?? `https://${host}`);
  if (gate === null || !/^https?:$/.test(gate.protocol) || gate.pathname !== "/") {
    return problem("--gate must be like https://name:port");
  }
  const said = (flag: keyof typeof values, variable: string) =>
    values[flag] ?? environment[`REALMGATE_${variable}`] ?? environment[`HOODY_${variable}`];
  const token = said("kit-token", "KIT_TOKEN");
  const user = said("kit-user", "KIT_USER");
  const password = said("kit-password", "KIT_PASSWORD");
  if ((user === undefined) !== (password === undefined)) {
    return problem("give both a user and a password, or neither");
  }
  const tokenHeader = (
    said("kit-token-header", "KIT_TOKEN_HEADER") ?? "authorization"
  ).toLowerCase();
  if (!HEADER_NAME.test(tokenHeader)) {
    return problem("--kit-token-header is not a header name");
  }
  const credentials: Record<string, string> = {};
  if (user !== undefined) {
    credentials.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }
  if (token !== undefined) {
    if (!HEADER_VALUE.test(token)) {
      return problem("a token must consist of printable ASCII characters");
    }
    if (tokenHeader === "authorization" && user !== undefined) {
      return problem(
        "token and user would use the same header; choose another with --kit-token-header",
      );
    }
    credentials[tokenHeader] = tokenHeader === "authorization" ? `Bearer ${token}` : token;
  }
  return { ok: true, options: { host, gate, credentials } };
}

/** Runs the role; returns the exit code. Messages go to stderr: stdout carries the tunnel. */
export async function connectRole(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(connectUsage);
    return 0;
  }
  const parsed = parseConnect(args, process.env);
  if (!parsed.ok) {
    console.error(`realmgate: ${parsed.problem}\n\n${connectUsage}`);
    return 2;
  }
  return connect(parsed.options, process.stdin, process.stdout, console.error);
}

/** Returns the exit code: 0 when the tunnel opened and closed normally, else 1 after one line to `complain`. */
export async function connect(
  { host, gate, credentials }: TunnelArguments,
  input: Readable,
  output: Writable,
  complain: (line: string) => void,
): Promise<number> {
  const url = new URL("/", gate);
  url.protocol = gate.protocol === "https:" ? "wss:" : "ws:";
  const headers = { ...credentials, host };
  const failure = await openTunnel({ url, headers, input, output, ca: null, limitMs: ANSWER_MS });
  if (failure === null) {
    return 0;
  }
  complain(`realmgate: ${host}: ${failure}`);
  return 1;
}

function words(args: readonly string[]) {
  const string = { type: "string" } as const;
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      gate: string,
      "kit-token": string,
      "kit-token-header": string,
      "kit-user": string,
      "kit-password": string,
    },
  });
}

function problem(text: string): ParsedConnect {
  return { ok: false, problem: text };
}
