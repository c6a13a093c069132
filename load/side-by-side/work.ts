// The work that every proxy of the run does alike: who is let in, by which credential, to which host.
import { basic, hs256 } from "../../test/harness/credentials.ts";

/** How a proxy decides. `hosts`: one of `HOSTS` open hosts, each with a route of its own. */
export const GATES = ["open", "ip", "token", "password", "jwt", "hosts"] as const;
export type Gate = (typeof GATES)[number];

export const HOSTS = 1_000;
export const TOKEN = "a-token-of-the-load-run";
export const USER = "u";
export const PASSWORD = "p";
export const JWT_SECRET = "a-secret-of-the-load-run-of-32-bytes";

export type Fields = Readonly<Record<string, string>>;

const HOUR_S = 3_600;
const bearer = `Bearer ${hs256(JWT_SECRET, { sub: "user-1", exp: Math.floor(Date.now() / 1000) + 24 * HOUR_S }, { alg: "HS256", typ: "JWT" })}`;

/** What a request carries to be let in. */
export const credentials: Readonly<Record<Gate, Fields>> = {
  open: {},
  ip: {},
  token: { "X-Api-Token": TOKEN },
  password: { Authorization: basic(`${USER}:${PASSWORD}`) },
  jwt: { Authorization: bearer },
  hosts: {},
};

/** Gates that refuse a request without its credential, which is checked before anything is measured. */
export const refusing: readonly Gate[] = ["token", "password", "jwt"];

const group = (type: object) => ({
  groups: { all: type },
  permissions: { all: { terminal: true } },
  default: "deny",
});

/** The permission document of each gate; null: open. */
export const documents: Readonly<Record<Gate, object | null>> = {
  open: null,
  ip: group({ type: "ip", range: "127.0.0.0/8" }),
  token: group({ type: "token", value: TOKEN, header: "X-Api-Token" }),
  password: group({ type: "password", username: USER, password: PASSWORD, salt: "s" }),
  jwt: group({ type: "jwt", secret: JWT_SECRET, sources: ["header:Authorization"] }),
  hosts: null,
};

/** What a browser sends with a request for a script, beside Host. */
export const browserFields: Fields = {
  "User-Agent":
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  Accept: "*/*",
  "Accept-Language": "en-US,en;q=0.9,de;q=0.8",
  "Accept-Encoding": "gzip, deflate, br, zstd",
  "Cache-Control": "no-cache",
  Pragma: "no-cache",
  "sec-ch-ua": '"Chromium";v="130", "Not?A_Brand";v="99"',
  "sec-ch-ua-mobile": "?0",
  "sec-ch-ua-platform": '"Linux"',
  "Sec-Fetch-Dest": "script",
  "Sec-Fetch-Mode": "no-cors",
  "Sec-Fetch-Site": "same-origin",
};

/** Paths of the upstream by the bytes of their answer. */
export const BODIES = { "/": 128, "/10k": 10_240, "/100k": 102_400, "/1m": 1_048_576 } as const;
export type Path = keyof typeof BODIES;

/** A host of the same length as those of the gate, for proxies whose hosts may be anything. */
export function foreignHost(gate: Gate, index = 0): string {
  const id = `${gate}${index}x`.padEnd(24, "0");
  return `${id}-${id}-terminal-1.local.containers.localhost`;
}

export const foreignHosts: readonly string[] = Array.from({ length: HOSTS }, (_, index) =>
  foreignHost("hosts", index),
);
