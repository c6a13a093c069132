// A whole installation in several processes on this machine: PostgreSQL, control planes, a gateway, proxies of two servers.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { PostgresServer } from "./postgres-server.ts";
import { linesOf } from "./process-lines.ts";

const root = resolve(import.meta.dir, "../..");

export interface Member {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly said: Readonly<Record<string, string>>;
  readonly exited: Promise<number>;
  log(): string;
  signal(name: NodeJS.Signals): void;
  /** Ends it with SIGTERM, and without mercy after 15 s. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Starts a role; rejects with what it wrote when it does not get ready. */
export async function startRole(
  role: string,
  environment: Readonly<Record<string, string>>,
): Promise<Member> {
  const listeners = ["OPS", "REST", "GRPC", "PROXY", "FEED"].map((name) => [
    `REALMGATE_${name}_LISTEN`,
    "127.0.0.1:0",
  ]);
  const child = Bun.spawn([process.execPath, "src/main.ts", role], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
      ...Object.fromEntries(listeners),
      ...environment,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  let logged = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) logged += decoder.decode(chunk, { stream: true });
  })();
  const line = await linesOf(child.stdout).next();
  if (line.done) {
    const code = await child.exited;
    await reading;
    throw new RoleFailed(role, code, logged);
  }
  const { event: _, ...said } = JSON.parse(line.value);
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return {
    pid: child.pid,
    said,
    exited: child.exited,
    log: () => logged,
    signal: (name) => child.kill(name),
    kill,
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await child.exited;
      clearTimeout(late);
    },
  };
}

/** A role that did not start. */
export class RoleFailed extends Error {
  readonly code: number;
  readonly logged: string;

  constructor(role: string, code: number, logged: string) {
    super(`realmgate ${role} did not start (${code}):\n${logged}`);
    this.code = code;
    this.logged = logged;
  }
}

export interface ClusterOptions {
  /** Control planes. Default: 2. */
  readonly controls?: number;
  /** The server of each proxy. Default: local, local, west. */
  readonly servers?: readonly string[];
  /** Default: true. */
  readonly gateway?: boolean;
  readonly adminPassword?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Settings of proxies alone. */
  readonly proxyEnvironment?: Readonly<Record<string, string>>;
  /** Through which control planes reach the database; its own address when unset. */
  readonly databaseUrl?: (url: string) => Promise<string>;
  /** The URLs of feeds as proxies get them; as they are when unset. */
  readonly feedUrl?: (url: string) => Promise<string>;
  readonly postgres?: PostgresServer;
}

export class Cluster implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "realmgate-cluster-"));
  readonly secretKey = randomBytes(32).toString("base64");
  readonly adminPassword: string;
  readonly controls: Member[] = [];
  readonly proxies: Member[] = [];
  /** By server. */
  readonly tokens = new Map<string, string>();
  gateway: Member | null = null;
  databaseUrl = "";
  #session = "";
  readonly #options: ClusterOptions;
  readonly postgres: PostgresServer;

  private constructor(options: ClusterOptions, postgres: PostgresServer) {
    this.#options = options;
    this.postgres = postgres;
    this.adminPassword = options.adminPassword ?? "correct horse battery";
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options, options.postgres ?? (await PostgresServer.start()));
    try {
      await cluster.#start();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** Where clients of the API go: the gateway, or else the first control plane. */
  get rest(): string {
    return (this.gateway ?? this.controls[0])?.said.rest ?? "";
  }

  async #start(): Promise<void> {
    const { controls = 2, servers = ["local", "local", "west"], gateway = true } = this.#options;
    const url = await this.postgres.database();
    this.databaseUrl = (await this.#options.databaseUrl?.(url)) ?? url;
    for (let n = 0; n < controls; n++) this.controls.push(await this.startControl());
    for (const server of new Set(servers))
      this.tokens.set(server, await this.node("proxy", server));
    const feeds = await this.feedUrls();
    const started = servers.map((server, n) => this.startProxy(server, `proxy-${n}`, feeds));
    if (gateway) {
      const token = await this.node("gateway", null);
      const urls = this.controls.map(({ said }) => said.grpc).join();
      this.gateway = await startRole("gateway", {
        ...this.#options.environment,
        REALMGATE_CONTROL_URLS: urls,
        REALMGATE_NODE_TOKEN: token,
      });
    }
    this.proxies.push(...(await Promise.all(started)));
  }

  startControl(environment: Readonly<Record<string, string>> = {}): Promise<Member> {
    return startRole("control", {
      REALMGATE_DATABASE_URL: this.databaseUrl,
      REALMGATE_SECRET_KEY: this.secretKey,
      REALMGATE_ADMIN_PASSWORD: this.adminPassword,
      REALMGATE_DATA_DIR: join(this.folder, "control"),
      REALMGATE_TRUSTED_PROXIES: "127.0.0.1/32",
      ...this.#options.environment,
      ...environment,
    });
  }

  async feedUrls(): Promise<string> {
    const urls = this.controls.map(({ said }) => said.feed ?? "");
    const through = this.#options.feedUrl;
    return (through === undefined ? urls : await Promise.all(urls.map(through))).join();
  }

  async startProxy(
    server: string,
    name: string,
    feeds: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Member> {
    const dataDir = join(this.folder, name);
    mkdirSync(dataDir, { recursive: true });
    return startRole("proxy", {
      REALMGATE_DATA_DIR: dataDir,
      REALMGATE_FEED_URLS: feeds,
      REALMGATE_NODE_TOKEN: this.tokens.get(server) ?? "",
      REALMGATE_PROCESS_NAME: name,
      REALMGATE_SERVER_NAME: server,
      ...this.#options.environment,
      ...this.#options.proxyEnvironment,
      ...environment,
    });
  }

  /** A call of the first user's session. */
  async call(method: string, path: string, body?: unknown, rest = this.controls[0]?.said.rest) {
    this.#session ||= await this.login();
    return await fetch(`${rest}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#session}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async login(rest = this.controls[0]?.said.rest): Promise<string> {
    const response = await fetch(`${rest}/api/v1/users/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "admin", password: this.adminPassword }),
    });
    return (await response.json()).data.token;
  }

  /** Lets a node in: its token. */
  async node(role: string, server: string | null): Promise<string> {
    const servers = server === null ? [] : [server];
    const response = await this.call("POST", "/nodes", {
      name: `${role}-${server ?? "1"}`,
      role,
      servers,
    });
    const { data, message } = await response.json();
    if (response.status !== 201) throw new Error(`node: ${response.status} ${message}`);
    return data.token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const members = [this.gateway, ...this.proxies, ...this.controls].filter(
      (each) => each !== null,
    );
    await Promise.all(members.map((member) => member.stop()));
    await this.postgres[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
