import { describe, expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type Config, parseConfig } from "./config.ts";
import { defaultDataDir } from "./data-dir.ts";
import { secretKeyFrom } from "./secret-key.ts";
import { flagOf, settings } from "./settings.ts";

type Environment = Readonly<Record<string, string>>;

function config(environment: Environment = {}, flags: readonly string[] = []): Config {
  const parsed = parseConfig(environment, flags);
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}

function problems(environment: Environment, flags: readonly string[] = []): readonly string[] {
  const parsed = parseConfig(environment, flags);
  return parsed.ok ? [] : parsed.problems;
}

test("nothing set is what the documentation says", () => {
  const dataDir = defaultDataDir({});
  expect(config()).toEqual({
    dataDir,
    databasePath: join(dataDir, "realmgate.sqlite"),
    postgres: null,
    domain: "localhost",
    serverName: "local",
    opsListen: { hostname: "127.0.0.1", port: 9090 },
    restListen: { hostname: "127.0.0.1", port: 8080 },
    grpcListen: { hostname: "127.0.0.1", port: 50_051 },
    proxyListen: { hostname: "127.0.0.1", port: 8000 },
    httpsRedirect: null,
    proxyReusePort: false,
    workers:
      process.platform === "linux" && availableParallelism() > 1 ? availableParallelism() : 0,
    proxyEdge: "wire",
    proxyProtocol: [],
    proxyTls: null,
    upstreamTls: "off",
    drainS: 30,
    stalenessMaxS: null,
    apiTls: null,
    secretKeys: null,
    secretKeyFile: null,
    signup: false,
    eventRetentionDays: 180,
    quotas: { projectsMax: 500, containersMax: 5000, documentBytesMax: 67_108_864 },
    adminUsername: "admin",
    adminPassword: null,
    trustedProxies: [],
    containerCidrs: [
      "127.0.0.0/8",
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
      "::1/128",
      "fc00::/7",
    ],
    feed: {
      listen: null,
      tlsCertPath: "",
      tlsKeyPath: "",
      fullSyncsMax: 2,
      feedUrls: [],
      controlUrls: [],
      controlCaPath: "",
      nodeToken: null,
      nodeCertPath: "",
      nodeKeyPath: "",
      nodeCaPath: "",
      processName: "main",
    },
    programPorts: { terminal: 76, display: 3998, sqlite: 5 },
    exchangesMax: 32_768,
    credentialFailuresMax: 100,
    streamSilenceS: 3_600,
    heldBytesMax: 268_435_456,
    bodyBytesPerMinuteMin: 240,
    apiConnectionsMax: null,
    apiConnectionsPerNetworkMax: null,
    accessLog: null,
    logMaxMb: 512,
    logRetentionDays: 7,
  });
});

test("an empty variable is as none, and others are not looked at", () => {
  const empty = Object.fromEntries(Object.keys(settings).map((name) => [name, ""]));
  expect(config({ ...empty, REALMGATE_BOGUS: "1", PATH: "/bin" })).toEqual(config());
});

describe("what is read", () => {
  const key = Buffer.alloc(32, 7);

  test.each([
    ["REALMGATE_DATA_DIR", "/srv/gate", "dataDir", "/srv/gate"],
    ["REALMGATE_DATA_DIR", "/srv/gate", "databasePath", "/srv/gate/realmgate.sqlite"],
    ["REALMGATE_DATABASE_URL", "sqlite:/srv/db", "databasePath", "/srv/db"],
    ["REALMGATE_DOMAIN", "Example.Test", "domain", "example.test"],
    ["REALMGATE_EXCHANGES_MAX", "9500", "exchangesMax", 9500],
    ["REALMGATE_CREDENTIAL_FAILURES_MAX", "7", "credentialFailuresMax", 7],
    ["REALMGATE_STREAM_SILENCE_S", "0", "streamSilenceS", 0],
    ["REALMGATE_HELD_BYTES_MAX", "5000000", "heldBytesMax", 5_000_000],
    ["REALMGATE_BODY_BYTES_PER_MINUTE_MIN", "1", "bodyBytesPerMinuteMin", 1],
    ["REALMGATE_API_CONNECTIONS_MAX", "300", "apiConnectionsMax", 300],
    ["REALMGATE_API_CONNECTIONS_PER_NETWORK_MAX", "3", "apiConnectionsPerNetworkMax", 3],
    ["REALMGATE_ACCESS_LOG", "off", "accessLog", null],
    ["REALMGATE_ACCESS_LOG", "stderr", "accessLog", "stderr"],
    ["REALMGATE_ACCESS_LOG", "/var/log/access", "accessLog", { path: "/var/log/access" }],
    ["REALMGATE_ACCESS_LOG", "access.log", "accessLog", { path: resolve("access.log") }],
    ["REALMGATE_SERVER_NAME", "NODE-1", "serverName", "node-1"],
    ["REALMGATE_REST_LISTEN", "127.0.0.1:0", "restListen", { hostname: "127.0.0.1", port: 0 }],
    ["REALMGATE_GRPC_LISTEN", "[::1]:65535", "grpcListen", { hostname: "::1", port: 65_535 }],
    ["REALMGATE_REST_LISTEN", "localhost:1", "restListen", { hostname: "localhost", port: 1 }],
    ["REALMGATE_PROXY_LISTEN", "0.0.0.0:80", "proxyListen", { hostname: "0.0.0.0", port: 80 }],
    ["REALMGATE_REST_LISTEN", "off", "restListen", null],
    ["REALMGATE_GRPC_LISTEN", "off", "grpcListen", null],
    ["REALMGATE_OPS_LISTEN", "off", "opsListen", null],
    ["REALMGATE_SECRET_KEY", key.toString("base64"), "secretKeys", [key]],
    ["REALMGATE_SIGNUP", "on", "signup", true],
    ["REALMGATE_EVENT_RETENTION_DAYS", "30", "eventRetentionDays", 30],
    ["REALMGATE_ADMIN_PASSWORD", "12345678", "adminPassword", "12345678"],
    [
      "REALMGATE_TRUSTED_PROXIES",
      " 10.0.0.0/8 , ::1/128,",
      "trustedProxies",
      ["10.0.0.0/8", "::1/128"],
    ],
    ["REALMGATE_PROXY_REUSE_PORT", "1", "proxyReusePort", true],
    ["REALMGATE_PROXY_EDGE", "serve", "proxyEdge", "serve"],
    ["REALMGATE_DRAIN_S", "0", "drainS", 0],
    ["REALMGATE_DRAIN_S", "3600", "drainS", 3_600],
    ["REALMGATE_STALENESS_MAX_S", "5", "stalenessMaxS", 5],
    ["REALMGATE_PROGRAM_PORTS", "kv=5, files=80", "programPorts", { sqlite: 5, files: 80 }],
  ] as const)("%s=%s", (name, text, field, value) => {
    expect(config({ [name]: text })[field]).toEqual(value as never);
  });
});

describe("flags", () => {
  test("beat the environment", () => {
    const environment = { REALMGATE_REST_LISTEN: "127.0.0.1:1", REALMGATE_DOMAIN: "a.test" };
    const parsed = config(environment, ["--rest-listen", "127.0.0.1:2"]);
    expect(parsed.restListen?.port).toBe(2);
    expect(parsed.domain).toBe("a.test");
  });

  test.each([
    [["--domain", "a.test"], "a value of its own"],
    [["--domain=a.test"], "a value after ="],
    [["--domain", "b.test", "--domain", "a.test"], "the last one counts"],
  ])("%j: %s", (flags) => {
    expect(config({}, flags).domain).toBe("a.test");
  });

  test("keep what comes after the first =", () => {
    const key = Buffer.alloc(32, 1).toString("base64");
    expect(config({}, [`--secret-key=${key}`]).secretKeys).toEqual([Buffer.alloc(32, 1)]);
  });

  test("are the variables in kebab case", () => {
    expect(flagOf("REALMGATE_REST_LISTEN")).toBe("--rest-listen");
    for (const setting of Object.keys(settings)) {
      expect(problems({}, [`${flagOf(setting)}=`]).join()).not.toContain("is not a flag");
    }
  });

  test.each([
    [["--bogus", "1"], "--bogus"],
    [["--bogus=1"], "--bogus"],
    [["--REST-LISTEN=127.0.0.1:1"], "--REST-LISTEN"],
    [["serve"], "serve"],
    [["--constructor=1"], "--constructor"],
  ])("%j is named as unknown", (flags, name) => {
    expect(problems({}, flags)).toEqual([expect.stringContaining(`${name} is not a flag`)]);
  });

  test("without a value are named", () => {
    expect(problems({}, ["--domain"])).toEqual(["--domain needs a value"]);
  });

  test("that are unknown hide no others", () => {
    expect(problems({}, ["--bogus=1", "--bogus-too=1", "--rest-listen=nonsense"])).toEqual([
      expect.stringContaining("--bogus "),
      expect.stringContaining("--bogus-too "),
      expect.stringContaining("REALMGATE_REST_LISTEN "),
    ]);
  });
});

test.each(["yes", "0", "65536", "0443", "443 "])(
  "REALMGATE_HTTPS_REDIRECT=%s is neither on, off nor a port",
  (text) => {
    expect(problems({ REALMGATE_HTTPS_REDIRECT: text }).join()).toContain(
      "must be on, off or the port",
    );
  },
);

describe("a PostgreSQL database", () => {
  const url = "postgres://gate:hunter2@db.test:5433/gate?sslmode=require";
  const key = Buffer.alloc(32, 7).toString("base64");

  test("is taken with its limits", () => {
    const environment = {
      REALMGATE_DATABASE_URL: url,
      REALMGATE_DATABASE_POOL: "4",
      REALMGATE_SECRET_KEY: key,
    };
    expect(config(environment).postgres).toEqual({ url, poolMax: 4, timeoutMs: 5000 });
  });

  test("needs a secret key that all processes of the database share", () => {
    const [problem = "", ...others] = problems({ REALMGATE_DATABASE_URL: url });
    expect(problem).toStartWith("REALMGATE_SECRET_KEY is required with postgres://");
    expect(others).toEqual([]);
  });

  test.each(["postgres://hunter2", "postgres://a:hunter2@b", "postgres://a:hunter2@b/"])(
    "%s names no database, and the problem does not show it",
    (wrong) => {
      const [problem = "", ...others] = problems({ REALMGATE_DATABASE_URL: wrong });
      expect(problem).toStartWith("REALMGATE_DATABASE_URL must be sqlite:PATH or postgres://");
      expect(problem).not.toContain("hunter2");
      expect(others).toEqual([]);
    },
  );
});

describe("a problem names its variable and how to mend it", () => {
  test.each([
    ["REALMGATE_DATABASE_URL", "mysql://x", "sqlite:PATH"],
    ["REALMGATE_DATABASE_URL", "sqlite:", "sqlite:PATH"],
    ["REALMGATE_DOMAIN", "a..b", "letters, digits and -"],
    ["REALMGATE_DOMAIN", "a_b", "letters, digits and -"],
    ["REALMGATE_DOMAIN", ".a", "letters, digits and -"],
    ["REALMGATE_SERVER_NAME", "a.b", "letters, digits and -"],
    ["REALMGATE_SERVER_NAME", "-a", "letters, digits and -"],
    ["REALMGATE_SERVER_NAME", "a".repeat(64), "letters, digits and -"],
    ["REALMGATE_OPS_LISTEN", "9090", "127.0.0.1:8080"],
    ["REALMGATE_REST_LISTEN", "127.0.0.1", "127.0.0.1:8080"],
    ["REALMGATE_REST_LISTEN", "127.0.0.1:65536", "127.0.0.1:8080"],
    ["REALMGATE_REST_LISTEN", "127.0.0.1:-1", "127.0.0.1:8080"],
    ["REALMGATE_GRPC_LISTEN", "::1:80", "127.0.0.1:8080"],
    ["REALMGATE_PROXY_LISTEN", "127.0.0.1:http", "127.0.0.1:8080"],
    ["REALMGATE_SECRET_KEY", Buffer.alloc(31).toString("base64"), "openssl rand -base64 32"],
    ["REALMGATE_SECRET_KEY", Buffer.alloc(33).toString("base64"), "openssl rand -base64 32"],
    ["REALMGATE_SECRET_KEY", "not base64!", "openssl rand -base64 32"],
    ["REALMGATE_SIGNUP", "1", "on or off"],
    ["REALMGATE_SIGNUP", "On", "on or off"],
    ["REALMGATE_ADMIN_USERNAME", "ab", "3 to 50"],
    ["REALMGATE_ADMIN_USERNAME", "a b c", "3 to 50"],
    ["REALMGATE_ADMIN_USERNAME", "ada@example.test", "3 to 50"],
    ["REALMGATE_ADMIN_PASSWORD", "1234567", "8 characters"],
    ["REALMGATE_TRUSTED_PROXIES", "10.0.0.1", "10.0.0.0/8"],
    ["REALMGATE_CONTAINER_CIDRS", "10.0.0.0/8,nonsense", "10.0.0.0/8"],
    ["REALMGATE_CONTAINER_CIDRS", "010.0.0.0/8", "10.0.0.0/8"],
    ["REALMGATE_TRUSTED_PROXIES", "10.1/16", "10.0.0.0/8"],
    ["REALMGATE_PROGRAM_PORTS", "terminal", "terminal=76"],
    ["REALMGATE_PROGRAM_PORTS", "terminal=0", "terminal=76"],
    ["REALMGATE_PROGRAM_PORTS", "terminal=65536", "terminal=76"],
    ["REALMGATE_PROGRAM_PORTS", "terminal=7 6", "terminal=76"],
    ["REALMGATE_PROGRAM_PORTS", "Terminal=76", "terminal=76"],
    ["REALMGATE_PROGRAM_PORTS", "=76", "has =76: write terminal=76"],
    ["REALMGATE_PROGRAM_PORTS", "terminal=76=77", "has terminal=76=77: write terminal=76"],
    ["REALMGATE_PROGRAM_PORTS", "files=1,files=1", "has files=1: files has a port already"],
    ["REALMGATE_PROGRAM_PORTS", "sqlite=5, kv=6", "has kv=6: sqlite has a port already"],
    ["REALMGATE_PROGRAM_PORTS", "http=80", "has http=80: http is asked for by port"],
    ["REALMGATE_PROGRAM_PORTS", "https=443", "has https=443: https is asked for by port"],
    ["REALMGATE_PROGRAM_PORTS", "ssh=22", "has ssh=22: ssh is asked for by port"],
    ["REALMGATE_PROXY_REUSE_PORT", "on", "must be 1"],
    ["REALMGATE_PROXY_LISTEN", "off", "with REALMGATE_PROXY_TLS_LISTEN only"],
    ["REALMGATE_HTTPS_REDIRECT", "on", "needs both listeners"],
    ["REALMGATE_HSTS_MAX_AGE_S", "60", "needs REALMGATE_PROXY_TLS_LISTEN"],
    ["REALMGATE_PROXY_EDGE", "Wire", "must be serve or wire"],
    ["REALMGATE_UPSTREAM_TLS_VERIFY", "yes", "must be off, on, or a file"],
    ["REALMGATE_UPSTREAM_TLS_VERIFY", import.meta.path, "has none"],
    ["REALMGATE_API_CONNECTIONS_MAX", "0", "1 to 9999999"],
    ["REALMGATE_API_CONNECTIONS_PER_NETWORK_MAX", "x", "1 to 9999999"],
    ["REALMGATE_DRAIN_S", "-1", "0 to 3600"],
    ["REALMGATE_DRAIN_S", "3601", "0 to 3600"],
    ["REALMGATE_DRAIN_S", "1.5", "whole number of seconds"],
    ["REALMGATE_STALENESS_MAX_S", "4", "5 to"],
    ["REALMGATE_STALENESS_MAX_S", "1e3", "whole number of seconds"],
    ["REALMGATE_SECRET_KEY", `${"A".repeat(43)} =`, "openssl rand -base64 32"],
  ])("%s=%s", (name, text, fix) => {
    const [problem = "", ...others] = problems({ [name]: text });
    expect(problem).toStartWith(`${name} `);
    expect(problem).toContain(fix);
    expect(others).toEqual([]);
  });

  test("never shows a secret", () => {
    const secrets = { REALMGATE_SECRET_KEY: "hunter2hunter2", REALMGATE_ADMIN_PASSWORD: "hunter2" };
    expect(problems(secrets)).toHaveLength(2);
    expect(problems(secrets).join()).not.toContain("hunter2");
  });

  test("all of them at once", () => {
    const wrong = {
      REALMGATE_DATABASE_URL: "x",
      REALMGATE_DOMAIN: "a_b",
      REALMGATE_SERVER_NAME: "a.b",
      REALMGATE_OPS_LISTEN: "x",
      REALMGATE_REST_LISTEN: "x",
      REALMGATE_GRPC_LISTEN: "0.0.0.0:1",
      REALMGATE_PROXY_LISTEN: "x",
      REALMGATE_SECRET_KEY: "x",
      REALMGATE_ADMIN_USERNAME: "x",
      REALMGATE_ADMIN_PASSWORD: "x",
      REALMGATE_TRUSTED_PROXIES: "x",
      REALMGATE_CONTAINER_CIDRS: "x",
      REALMGATE_PROGRAM_PORTS: "x",
    };
    const named = problems(wrong).map((problem) => problem.split(" ")[0] ?? "");
    expect(named.toSorted()).toEqual(Object.keys(wrong).toSorted());
  });
});

test("the PROXY protocol is spoken on the wire edge, with networks", () => {
  const networks = { REALMGATE_PROXY_PROTOCOL: "10.0.0.0/8, fd00::/8" };
  expect(config(networks).proxyProtocol).toEqual(["10.0.0.0/8", "fd00::/8"]);
  const [problem, ...others] = problems({ REALMGATE_PROXY_PROTOCOL: "10.0.0.1" });
  expect(problem).toStartWith("REALMGATE_PROXY_PROTOCOL has 10.0.0.1, which is not a network");
  expect(others).toEqual([]);
  expect(problems({ ...networks, REALMGATE_PROXY_EDGE: "serve" })).toEqual([
    "REALMGATE_PROXY_PROTOCOL cannot be had with REALMGATE_PROXY_EDGE=serve",
  ]);
});

describe("a secret key", () => {
  const key = Buffer.alloc(32, 0xfb);
  const base64 = key.toString("base64");

  test.each([
    [base64, "padded"],
    [base64.slice(0, -1), "not padded"],
  ])("%s is taken: %s", (text) => {
    expect(secretKeyFrom(text)).toEqual(key);
  });

  test.each([
    ["", "nothing"],
    [`${base64}\n`, "a line end"],
    [` ${base64}`, "a space before"],
    [`${base64.slice(0, 20)} ${base64.slice(20)}`, "a space within"],
    [`*${base64}`, "a character that is not base64"],
    [key.toString("base64url"), "the alphabet of base64url"],
    [`${base64}=`, "too much padding"],
    [`${base64}A`, "something after the padding"],
    [base64.replace(/.=$/, "t="), "unused bits that are not 0"],
    [Buffer.alloc(31).toString("base64"), "31 bytes"],
    [Buffer.alloc(33).toString("base64"), "33 bytes"],
    [key.toString("hex"), "hex"],
  ])("%j is none: %s", (text) => {
    expect(secretKeyFrom(text)).toBeNull();
  });
});

describe("the API beyond loopback", () => {
  test.each([
    ["0.0.0.0:8080", "every IPv4 address"],
    ["[::]:8080", "every address"],
    ["192.0.2.1:8080", "a public address"],
    ["api.example.test:8080", "a name"],
  ])("%s is refused without TLS: %s", (listen) => {
    for (const name of ["REALMGATE_REST_LISTEN", "REALMGATE_GRPC_LISTEN"]) {
      const [problem = "", ...others] = problems({ [name]: listen });
      expect(problem).toStartWith(`${name} is beyond loopback`);
      expect(problem).toContain("REALMGATE_API_PLAINTEXT=1");
      expect(others).toEqual([]);
    }
  });

  test.each([
    ["1", 0],
    ["0", 2],
    ["true", 2],
    ["", 2],
  ])("REALMGATE_API_PLAINTEXT=%s leaves %d problems", (plaintext, count) => {
    const environment = {
      REALMGATE_API_PLAINTEXT: plaintext,
      REALMGATE_REST_LISTEN: "0.0.0.0:8080",
      REALMGATE_GRPC_LISTEN: "0.0.0.0:50051",
    };
    expect(problems(environment)).toHaveLength(count);
  });

  test.each(["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])("%s is not", (listen) => {
    expect(problems({ REALMGATE_REST_LISTEN: listen })).toEqual([]);
  });
});
