// What lies in deploy/: accepted by the programs that read it, about metrics that exist, and doing what it says in front of a gate.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { connect as connectTls } from "node:tls";
import { $, Glob } from "bun";
import { parse } from "yaml";
import { selfSigned } from "../harness/certificate.ts";
import { loginAdmin } from "../harness/client.ts";
import { accepts, freePort } from "../harness/free-port.ts";
import { type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const deploy = resolve(import.meta.dir, "../../deploy");
const folder = mkdtempSync(join(tmpdir(), "realmgate-deploy-"));
let program: Program;
let upstream: Upstream;
/** A program that takes WebSockets. */
let sockets: Bun.Server<undefined>;
/** Hosts of a container that lets in only the network of the real client: one that answers, one with WebSockets. */
let host = "";
let socketHost = "";

/** The address that a client behind the proxies of this test has. */
const CLIENT = "127.0.0.9";
const STRANGER = "127.0.0.10";
/** Where a balancer dials the gate from that says its clients' addresses by the PROXY protocol. */
const BALANCER = "127.0.0.2";

beforeAll(async () => {
  program = await startProgram({
    environment: {
      REALMGATE_DOMAIN: "example.com",
      REALMGATE_PROXY_PROTOCOL: `${BALANCER}/32`,
    },
  });
  upstream = await startUpstream();
  sockets = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) =>
      server.upgrade(request) ? undefined : new Response("no", { status: 400 }),
    websocket: { message: () => {} },
  });
  const api = await loginAdmin(program.urls);
  const project = await api.data("POST", "/projects", { body: { alias: "behind" } });
  const container = await api.data("POST", `/projects/${project.id}/containers`, {
    body: { name: "box", address: "127.0.0.1" },
  });
  await api.data("PUT", `/projects/${project.id}/proxy/permissions`, {
    headers: { "If-Match": "file:v0" },
    body: {
      groups: { client: { type: "ip", range: `${CLIENT}/32` } },
      permissions: { client: { http: true } },
      default: "deny",
    },
  });
  const hostOf = (port: number | undefined) =>
    `${project.id}-${container.id}-http-${port}.local.containers.example.com`;
  host = hostOf(upstream.port);
  socketHost = hostOf(sockets.port);
}, 60_000);

afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  await sockets?.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

function tool(name: string): string | null {
  const path = Bun.which(name) ?? Bun.which(name, { PATH: "/usr/sbin:/sbin" });
  if (path === null) console.warn(`SKIPPED: ${name} is not installed`);
  return path;
}

function read(file: string): string {
  return readFileSync(join(deploy, file), "utf8");
}

const systemd = tool("systemd-analyze");
const units = [
  "systemd/realmgate.service",
  ...["control", "gateway", "proxy"].map((role) => `cluster/realmgate-${role}.service`),
];
test.skipIf(systemd === null)("systemd accepts the units and finds little exposed", async () => {
  for (const file of units) {
    const unit = join(folder, basename(file));
    writeFileSync(unit, read(file).replaceAll("/usr/local/bin/realmgate", "/bin/true"));
    const verified = await $`${systemd} verify ${unit}`.quiet().nothrow();
    expect([verified.stderr.toString(), verified.exitCode]).toEqual(["", 0]);
    const rated = await $`${systemd} security --offline=true --threshold=25 ${unit}`
      .quiet()
      .nothrow();
    expect(rated.exitCode).toBe(0);
  }
});

test("the units need nothing that a minimal Debian lacks, neither procps nor man", () => {
  for (const file of units) {
    const lines = [...read(file).matchAll(/^(?:Exec\w+=(\S+)|Documentation=(man:.*))/gm)];
    const needed = lines.map(([, program, page]) => program ?? page);
    expect(new Set(needed)).toEqual(new Set(["/usr/local/bin/realmgate", "/bin/sh"]));
  }
});

const promtool = tool("promtool");
test.skipIf(promtool === null)(
  "Prometheus accepts the rules, and they fire when they should",
  async () => {
    const prometheus = join(deploy, "prometheus");
    await $`${promtool} check config prometheus.yml`.cwd(prometheus).quiet();
    const { stdout, stderr, exitCode } = await $`${promtool} test rules realmgate.rules.test.yml`
      .cwd(prometheus)
      .quiet()
      .nothrow();
    expect([exitCode, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining("SUCCESS")]);
  },
);

test("rules and dashboard ask for metrics that the gate has", async () => {
  const text = await (await fetch(`${program.urls.ops}/metrics`)).text();
  const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? ""));
  // Only with the TLS listener.
  known.add("realmgate_tls_certificate_not_after_seconds");
  // Of other roles, and of several gate processes.
  const roles = new Glob("*.ts").scanSync({ cwd: join(deploy, "../src/roles"), absolute: true });
  for (const path of roles) {
    for (const [, name] of readFileSync(path, "utf8").matchAll(/"(realmgate_\w+)"/g)) {
      known.add(name ?? "");
    }
  }
  const rules = parse(read("prometheus/realmgate.rules.yml")).groups[0].rules;
  const dashboard = JSON.parse(read("grafana/realmgate.json"));
  const asked: string[] = [
    ...rules.map(({ expr }: { readonly expr: string }) => expr),
    ...dashboard.panels.flatMap(({ targets }: { readonly targets: { expr: string }[] }) =>
      targets.map(({ expr }) => expr),
    ),
  ];
  expect(asked.length).toBeGreaterThan(20);
  const names = asked.flatMap((expr) => expr.match(/\b(realmgate|process)_\w+/g) ?? []);
  const missing = names.filter((name) => !known.has(name.replace(/_(bucket|sum|count)$/, "")));
  expect(missing).toEqual([]);
});

test("the compose file is YAML that names the Dockerfile and known settings", () => {
  const { services } = parse(read("container/compose.yaml"));
  expect(services.realmgate.build.dockerfile).toBe("deploy/container/Dockerfile");
  const documented = readFileSync(join(deploy, "../docs/configuration.md"), "utf8");
  for (const name of Object.keys(services.realmgate.environment)) {
    expect(documented).toContain(`\`${name}\``);
  }
});

test.each(["container", "cluster"])(
  "volumes of the compose file in %s are where the image keeps its data",
  (each) => {
    const [, dataDir] = /REALMGATE_DATA_DIR=(\S+)/.exec(read("container/Dockerfile")) ?? [];
    const { services } = parse(read(`${each}/compose.yaml`));
    const gates: { readonly image: string; readonly volumes?: readonly string[] }[] =
      Object.values(services);
    const mounted = gates
      .filter(({ image }) => image === "realmgate")
      .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(":")[1]));
    expect(mounted).toEqual([dataDir]);
  },
);

/** The text of a proxy's configuration for this test's addresses and certificate. */
function here(text: string, port: number): string {
  const [proxy, rest] = [program.urls.proxy, program.urls.rest].map((url) => new URL(url).host);
  return text
    .replaceAll("127.0.0.1:8000", proxy ?? "")
    .replaceAll("127.0.0.1:8080", rest ?? "")
    .replaceAll("/etc/realmgate/tls", join(folder, "tls"))
    .replaceAll("listen 443", `listen 127.0.0.1:${port}`);
}

function certificate(): void {
  const { cert, key } = selfSigned();
  writeFileSync(join(folder, "tls.crt"), cert);
  writeFileSync(join(folder, "tls.key"), key);
}

/** Status codes for the client's own address, for another's, and for another's that claims to be the client. */
async function decisions(port: number, scheme = "https"): Promise<readonly string[]> {
  const ask = async (from: string, ...more: readonly string[]) => {
    const resolved = `${host}:${port}:127.0.0.1`;
    const { stdout } =
      await $`curl -sk --interface ${from} --resolve ${resolved} -o /dev/null -w %{http_code} ${more} ${scheme}://${host}:${port}/`
        .quiet()
        .nothrow();
    return stdout.toString();
  };
  return [
    await ask(CLIENT),
    await ask(STRANGER),
    await ask(STRANGER, "-H", `X-Forwarded-For: ${CLIENT}`),
  ];
}

/** The status of an upgrade to a WebSocket. */
function upgrade(socket: Socket, claimed: string | null): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const head = [
    "GET / HTTP/1.1",
    `Host: ${socketHost}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...(claimed === null ? [] : [`X-Forwarded-For: ${claimed}`]),
  ];
  socket.once("data", (data) => resolve(data.toString().split(" ")[1] ?? ""));
  socket.once("error", reject);
  socket.once("close", () => resolve("closed"));
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  return promise.finally(() => socket.destroy());
}

/** The same three as of `decisions`. */
async function upgrades(open: (from: string) => Socket): Promise<readonly string[]> {
  return [
    await upgrade(open(CLIENT), null),
    await upgrade(open(STRANGER), null),
    await upgrade(open(STRANGER), CLIENT),
  ];
}

const proxies = [
  {
    name: "nginx",
    config: (port: number) => {
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((each) => `${each}_temp_path ${folder}/${each};`)
        .join("\n");
      return `daemon off;\npid ${folder}/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temporary}\n${here(read("nginx/realmgate.conf"), port)}}\n`;
    },
    args: (file: string) => ["-c", file, "-p", folder],
  },
  {
    name: "caddy",
    config: (port: number) =>
      here(read("caddy/Caddyfile"), port)
        .replace("admin off", `admin off\n\thttps_port ${port}\n\tauto_https disable_redirects`)
        .replaceAll(/^(\*\.local\S+|api\.example\.com, \S+) \{/gm, "$1 {\n\tbind 127.0.0.1"),
    args: (file: string) => ["run", "--adapter", "caddyfile", "--config", file],
  },
] as const;

for (const { name, config, args } of proxies) {
  const path = tool(name);
  test.skipIf(path === null || Bun.which("curl") === null)(
    `behind ${name} the gate sees the address of the client, and no other that it claims`,
    async () => {
      certificate();
      mkdirSync(join(folder, "home"), { recursive: true });
      const port = freePort();
      const file = join(folder, `${name}.conf`);
      writeFileSync(file, config(port));
      const child = Bun.spawn([path ?? "", ...args(file)], {
        env: { HOME: join(folder, "home"), PATH: process.env.PATH },
        stdout: "ignore",
        stderr: Bun.file(join(folder, `${name}.log`)),
      });
      try {
        await until(() => accepts(port), `${name} listens`);
        expect(await decisions(port)).toEqual(["200", "403", "403"]);
        const secure = (from: string) =>
          connectTls({
            socket: connect({ host: "127.0.0.1", port, localAddress: from }),
            servername: socketHost,
            ALPNProtocols: ["http/1.1"],
            rejectUnauthorized: false,
          });
        expect(await upgrades(secure)).toEqual(["101", "403", "403"]);
      } finally {
        child.kill("SIGTERM");
        await child.exited;
      }
    },
    60_000,
  );
}

const haproxy = tool("haproxy");
test.skipIf(haproxy === null || Bun.which("curl") === null)(
  "behind HAProxy, which says it by the PROXY protocol, the gate sees the address of the client, and no other that it claims",
  async () => {
    const port = freePort();
    const file = join(folder, "haproxy.cfg");
    const config = read("haproxy/realmgate.cfg")
      .replace("bind :80", `bind 127.0.0.1:${port}`)
      .replace("127.0.0.1:8000", `${new URL(program.urls.proxy).host} source ${BALANCER}`);
    writeFileSync(file, config);
    const child = Bun.spawn([haproxy ?? "", "-db", "-f", file], {
      stdout: "ignore",
      stderr: Bun.file(join(folder, "haproxy.log")),
    });
    try {
      await until(() => accepts(port), "HAProxy listens");
      expect(await decisions(port, "http")).toEqual(["200", "403", "403"]);
      const plain = (from: string) => connect({ host: "127.0.0.1", port, localAddress: from });
      expect(await upgrades(plain)).toEqual(["101", "403", "403"]);
    } finally {
      child.kill("SIGTERM");
      await child.exited;
    }
  },
  60_000,
);
