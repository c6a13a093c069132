// A private PostgreSQL for the tests of one process: in a folder of its own, reached over a socket in it, run by an ordinary user.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { until } from "./until.ts";

/** Where Debian puts the binaries; REALMGATE_TEST_POSTGRES_BIN says otherwise. */
function binaries(): string | null {
  const given = process.env.REALMGATE_TEST_POSTGRES_BIN;
  if (given !== undefined) return given;
  const root = "/usr/lib/postgresql";
  if (!existsSync(root)) return null;
  const versions = readdirSync(root).filter((name) => Number(name) >= 14);
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? null : join(root, newest, "bin");
}

export const postgresBinaries = binaries();

/** Says once in each file that its tests do not run. */
export function sayWithoutPostgres(): void {
  console.warn(
    "SKIPPED: no PostgreSQL binaries in /usr/lib/postgresql (apt-get install postgresql)",
  );
}

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to be run by root. */
function account(): Account {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) => Number(spawnSync("id", [flag, "postgres"]).stdout.toString());
  return { uid: idOf("-u"), gid: idOf("-g") };
}

export class PostgresServer implements AsyncDisposable {
  readonly folder: string;
  readonly #bin: string;
  readonly #account = account();
  #process: Bun.Subprocess | null = null;
  #databases = 0;

  private constructor(bin: string) {
    this.#bin = bin;
    this.folder = mkdtempSync(join(tmpdir(), "realmgate-pg-"));
    const { uid, gid } = this.#account;
    if (uid !== undefined && gid !== undefined) chownSync(this.folder, uid, gid);
    chmodSync(this.folder, 0o700);
  }

  static async start(): Promise<PostgresServer> {
    if (postgresBinaries === null) throw new Error("there are no PostgreSQL binaries");
    const server = new PostgresServer(postgresBinaries);
    const options = ["-U", "realmgate", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"];
    server.#run("initdb", ["-D", join(server.folder, "data"), ...options]);
    await server.boot();
    return server;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** `host` in the query: a socket has no place in the URL's authority. */
  url(database: string): string {
    return `postgres://realmgate@/${database}?host=${encodeURIComponent(this.folder)}`;
  }

  /** Starts it, again after `kill`. */
  async boot(): Promise<void> {
    // A killed process loses nothing that it wrote: only a machine needs fsync for that.
    const settings = [
      "listen_addresses=",
      "max_connections=100",
      "shared_buffers=16MB",
      "fsync=off",
    ];
    const places = [`unix_socket_directories=${this.folder}`];
    this.#process = Bun.spawn(
      [
        join(this.#bin, "postgres"),
        "-D",
        join(this.folder, "data"),
        ...[...settings, ...places].flatMap((setting) => ["-c", setting]),
      ],
      { ...this.#account, stdin: "ignore", stdout: "ignore", stderr: "ignore", cwd: "/" },
    );
    await until(async () => {
      const client = new Client({ connectionString: this.url("postgres") });
      client.on("error", () => {});
      try {
        await client.connect();
        return true;
      } catch {
        return false;
      } finally {
        await client.end().catch(() => {});
      }
    }, "PostgreSQL answers");
  }

  /** A new, empty database; its URL. */
  async database(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.query(this.url("postgres"), `create database ${name}`);
    return this.url(name);
  }

  /** Rows of one statement. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  async query(url: string, text: string, values: readonly unknown[] = []): Promise<any[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** From now on this role needs its password. */
  async requirePassword(role: string): Promise<void> {
    const path = join(this.folder, "data", "pg_hba.conf");
    writeFileSync(path, `local all ${role} scram-sha-256\nlocal all all trust\n`);
    await this.query(this.url("postgres"), "select pg_reload_conf()");
  }

  /** All that the database holds, as SQL. */
  async dump(url: string): Promise<string> {
    const { status, stdout, stderr } = spawnSync(join(this.#bin, "pg_dump"), [url]);
    if (status !== 0) throw new Error(`pg_dump: ${stderr}`);
    // Newer ones write a random word in each dump.
    return `${stdout}`.replace(/^\\(un)?restrict .*$/gm, "");
  }

  /** As a power cut ends it; or cleanly, with SIGINT. */
  async kill(signal: "SIGKILL" | "SIGQUIT" | "SIGINT"): Promise<void> {
    this.#process?.kill(signal);
    await this.#process?.exited;
    this.#process = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGQUIT");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(program: string, args: readonly string[]): void {
    const { status, stderr } = spawnSync(join(this.#bin, program), args, {
      ...this.#account,
      cwd: "/",
    });
    if (status !== 0) throw new Error(`${program}: ${stderr}`);
  }
}
