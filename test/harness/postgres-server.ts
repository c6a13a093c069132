// A private PostgreSQL for the tests of one process: in a folder of its own, reached over a socket in it, run by an ordinary user.
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
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

  /** One that copies another and follows it, over `port` of the loopback when that is given. */
  static async standbyOf(primary: PostgresServer, port?: number): Promise<PostgresServer> {
    const server = new PostgresServer(primary.#bin);
    const data = join(server.folder, "data");
    const copy = ["-X", "stream", "-c", "fast", "-R"];
    server.#run("pg_basebackup", ["-D", data, "-h", primary.folder, "-U", "realmgate", ...copy]);
    const host = port === undefined ? primary.folder : `127.0.0.1 port=${port}`;
    const from = `host=${host} user=realmgate application_name=standby`;
    appendFileSync(join(data, "postgresql.auto.conf"), `primary_conninfo = '${from}'\n`);
    await server.boot();
    return server;
  }

  /** Commits of this one wait from now on until its standby has them. */
  async waitForStandby(): Promise<void> {
    const url = this.url("postgres");
    await this.query(url, "alter system set synchronous_standby_names = 'standby'");
    await this.query(url, "select pg_reload_conf()");
    await until(async () => {
      const rows = await this.query(url, "select sync_state from pg_stat_replication");
      return rows.some(({ sync_state: state }) => state === "sync");
    }, "the standby is synchronous");
  }

  /** A standby becomes a primary. */
  async promote(): Promise<void> {
    await this.query(this.url("postgres"), "select pg_promote(true, 60)");
  }

  /** The socket on which it listens. */
  get socket(): string {
    return join(this.folder, ".s.PGSQL.5432");
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

  /** Puts a dump in the place of a database, whoever uses it. */
  async restore(name: string, dump: string): Promise<void> {
    await this.query(this.url("postgres"), `drop database ${name} with (force)`);
    await this.query(this.url("postgres"), `create database ${name}`);
    const flags = ["-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", this.url(name)];
    const { status, stderr } = spawnSync(join(this.#bin, "psql"), flags, { input: dump });
    if (status !== 0) throw new Error(`psql: ${stderr}`);
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
