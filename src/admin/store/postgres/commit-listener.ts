// Who wants to hear of commits: those of this process at once, those of others by NOTIFY, and by a look each second in any case.
import type { Client } from "pg";
import type { Connections } from "./connections.ts";

const CHANNEL = "realmgate_committed";
/** NOTIFY is a hint that may be lost; this is how late a commit is heard at worst. */
const LOOK_MS = 1_000;

/** The advisory lock that every process shares while it follows the commits of others, as each running gate does. */
export const RUNNING_LOCK = 0x72756e6e;

export class CommitListener {
  readonly #connections: Connections;
  readonly #name: () => string;
  readonly #listeners = new Set<(revision: number) => void>();
  #client: Client | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #looking: Promise<void> | null = null;
  #following: Promise<void> | null = null;
  #announcing: Promise<void> | null = null;
  /** To be announced to other processes; null: nothing. */
  #pending: number | null = null;
  /** The last revision that this process knows of: later ones are announced. */
  #heard: number;
  #closed = false;
  /** Null: the connection has no name of its own yet. */
  #introducedAs: string | null = null;
  /** Whether the connection has RUNNING_LOCK: maintenance has it now and then. */
  #isShown = false;

  /** `revision`: the last one committed before. `name`: of this process as others see it in the database now. */
  constructor(connections: Connections, revision: number, name: () => string) {
    this.#name = name;
    this.#connections = connections;
    this.#heard = revision;
  }

  /** Answers how to stop it. */
  add(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === null && !this.#closed) {
      this.#timer = setInterval(() => this.#lookAgain(), LOOK_MS);
      this.#lookAgain();
    }
    return () => this.#listeners.delete(listener);
  }

  /** This process committed. */
  committed(revision: number): void {
    this.#hear(revision);
    this.#pending = revision;
    this.#announcing ??= this.#announce();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#announcing;
    await this.#looking;
    await this.#following;
    await this.#client?.end().catch(() => {});
  }

  #hear(revision: number): void {
    if (revision === this.#heard) return;
    this.#heard = revision;
    for (const listener of this.#listeners) listener(revision);
  }

  /** Commits that come meanwhile are announced together. */
  async #announce(): Promise<void> {
    while (this.#pending !== null && !this.#closed) {
      const revision = this.#pending;
      this.#pending = null;
      await this.#connections.pool
        .query("select pg_notify($1, $2)", [CHANNEL, `${revision}`])
        .catch(() => {});
    }
    this.#announcing = null;
  }

  #lookAgain(): void {
    this.#looking ??= this.#look()
      .catch(() => {})
      .finally(() => {
        this.#looking = null;
      });
    this.#following ??= this.#follow()
      .catch(() => {})
      .finally(() => {
        this.#following = null;
      });
  }

  async #look(): Promise<void> {
    const { rows } = await this.#connections.pool.query("select value from realmgate.revisions");
    this.#hear(Number(rows[0]?.value));
  }

  /** Keeps a connection that hears of commits at once, and shows that a gate runs. Looks do not wait for it. */
  async #follow(): Promise<void> {
    this.#client ??= await this.#listen();
    await this.#show(this.#client);
    await this.#introduce(this.#client);
  }

  /** Ends with the connection; see refuseRunning. */
  async #show(client: Client): Promise<void> {
    if (this.#isShown) return;
    const { rows } = await client.query(
      `select pg_try_advisory_lock_shared(${RUNNING_LOCK}) as locked`,
    );
    this.#isShown = rows[0]?.locked === true;
  }

  async #introduce(client: Client): Promise<void> {
    const name = this.#name();
    if (name === this.#introducedAs) return;
    await client.query("select set_config('application_name', $1, false)", [name]);
    this.#introducedAs = name;
  }

  async #listen(): Promise<Client> {
    this.#introducedAs = null;
    this.#isShown = false;
    const client = await this.#connections.connect();
    client.on("notification", ({ payload }) => {
      const revision = Number(payload);
      if (Number.isSafeInteger(revision)) this.#hear(revision);
    });
    client.once("end", () => {
      if (this.#client === client) this.#client = null;
    });
    await client.query(`listen ${CHANNEL}`);
    return client;
  }
}
