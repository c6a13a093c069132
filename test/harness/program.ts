// The real program and a real upstream as processes of their own, on free ports, in a folder that is thrown away.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { linesOf, startScript } from "./process-lines.ts";

const root = resolve(import.meta.dir, "../..");

export const adminPassword = "correct horse battery";

export interface Urls {
  readonly rest: string;
  readonly grpc: string;
  readonly proxy: string;
  /** When it has one. */
  readonly proxyTls?: string;
  readonly ops: string;
}

export interface Program extends AsyncDisposable {
  readonly urls: Urls;
  readonly dataDir: string;
  readonly pid: number;
  /** What it said first: `ready`, or `degraded`. */
  readonly event: string;
  /** Resolves with where everything listens once it says that it is ready; rejects when it ends before. */
  ready(): Promise<Urls>;
  /** Sends it a signal. */
  signal(name: NodeJS.Signals): void;
  /** Resolves with its exit code. */
  readonly exited: Promise<number>;
  /** Everything logged so far. */
  log(): string;
  /** Kills it without a word; the data stays for a second start. */
  kill(): Promise<void>;
}

export interface ProgramOptions {
  /** A folder of an earlier run; a new one when unset. */
  readonly dataDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The command line before `serve`; from the checkout when unset. */
  readonly command?: readonly string[];
  /** Where it runs; the checkout when unset. */
  readonly cwd?: string;
  /** Descriptors that it may open; as many as this process when unset. */
  readonly descriptors?: number;
}

/** Starts `serve` and waits until it is ready. Requests from 127.0.0.1 may say whose they are in X-Forwarded-For. */
export async function startProgram(options: ProgramOptions = {}): Promise<Program> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "realmgate-"));
  const command = [...(options.command ?? [process.execPath, "src/main.ts"]), "serve"];
  const limited =
    options.descriptors === undefined
      ? command
      : ["sh", "-c", `ulimit -n ${options.descriptors}; exec "$@"`, "sh", ...command];
  const child = Bun.spawn(limited, {
    cwd: options.cwd ?? root,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      BUN_CONFIG_MAX_HTTP_REQUESTS: "65336",
      REALMGATE_DATA_DIR: dataDir,
      REALMGATE_ADMIN_PASSWORD: adminPassword,
      REALMGATE_TRUSTED_PROXIES: "127.0.0.1/32",
      REALMGATE_WORKERS: process.env.REALMGATE_WORKERS ?? "0",
      ...Object.fromEntries(
        ["OPS", "REST", "GRPC", "PROXY"].map((name) => [`REALMGATE_${name}_LISTEN`, "127.0.0.1:0"]),
      ),
      ...(process.env.REALMGATE_PROXY_EDGE === undefined
        ? {}
        : { REALMGATE_PROXY_EDGE: process.env.REALMGATE_PROXY_EDGE }),
      ...options.environment,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  let logged = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) logged += decoder.decode(chunk, { stream: true });
  })();
  const said = linesOf(child.stdout);
  const line = await said.next();
  if (line.done) throw new Error(`realmgate did not start:\n${logged}`);
  const { event, ...urls } = JSON.parse(line.value);
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return {
    urls,
    dataDir,
    pid: child.pid,
    event,
    async ready() {
      if (event === "ready") return urls;
      const next = await said.next();
      if (next.done) throw new Error(`realmgate ended:\n${logged}`);
      const { event: now, ...all } = JSON.parse(next.value);
      if (now !== "ready") throw new Error(`realmgate is ${now}`);
      return all;
    },
    signal: (name) => child.kill(name),
    exited: child.exited,
    log: () => logged,
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export interface Upstream extends AsyncDisposable {
  readonly port: number;
}

/** What the upstream answers to every request: the request as it arrived. */
export interface Echo {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case; several values joined as they came. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Starts an upstream that echoes; see Echo. */
export async function startUpstream(): Promise<Upstream> {
  const script = startScript(join(import.meta.dir, "echo-upstream.ts"));
  return {
    port: Number(await script.line()),
    [Symbol.asyncDispose]: () => script[Symbol.asyncDispose](),
  };
}
