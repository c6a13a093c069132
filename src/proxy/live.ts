import { type Allowed, judge, type Question, type Verdict } from "./judge.ts";
import type { Log } from "./log.ts";
import type { Denial, RefusalReason } from "./refuse.ts";
import type { Snapshot } from "./snapshot.ts";

/** Judged in one go before others have their turn: some 0.3 ms. */
const SLICE = 256;
/** How often ends of tokens and aliases are looked at. */
const EXPIRY_SWEEP_MS = 250;

/** Why a connection that was allowed is no more. */
export interface Revocation {
  readonly reason: RefusalReason;
  readonly denial: Denial | undefined;
}

/** One exchange that goes on: a request with its answer, a WebSocket, a tunnel. */
export class Live {
  readonly question: Question;
  readonly #connections: LiveConnections;
  #allowed: Allowed;
  #revoked: Revocation | null = null;
  #whenRevoked: ((revocation: Revocation) => void) | null = null;

  constructor(connections: LiveConnections, question: Question, allowed: Allowed) {
    this.#connections = connections;
    this.question = question;
    this.#allowed = allowed;
  }

  get allowed(): Allowed {
    return this.#allowed;
  }

  /** Not null once it is over. */
  get revoked(): Revocation | null {
    return this.#revoked;
  }

  /** Called at most once; at once when it is over already. The last listener counts. */
  whenRevoked(listener: (revocation: Revocation) => void): void {
    this.#whenRevoked = listener;
    if (this.#revoked !== null) {
      listener(this.#revoked);
    }
  }

  /** It ended by itself. */
  end(): void {
    this.#connections.remove(this);
  }

  /** What a new judgement says. What leads somewhere else now is over, too: nobody was asked about that place. */
  judged(verdict: Verdict): void {
    if (this.#revoked !== null) {
      return;
    }
    if (verdict.allow && leadsTo(verdict, this.#allowed)) {
      this.#connections.allowedUntil(this, verdict.untilMs);
      this.#allowed = verdict;
      return;
    }
    this.#connections.remove(this);
    this.#revoked = verdict.allow
      ? { reason: "no_upstream", denial: undefined }
      : { reason: verdict.reason, denial: verdict.denial };
    this.#whenRevoked?.(this.#revoked);
  }
}

function leadsTo({ route: one }: Allowed, { route: other }: Allowed): boolean {
  return (
    one.address.text === other.address.text &&
    one.port === other.port &&
    one.secure === other.secure
  );
}

/** What goes on, by what may change under it: when that happens it is judged again, and nothing else is. */
export class LiveConnections {
  readonly #current: () => Snapshot;
  readonly #log: Log;
  readonly #byContainer = new Map<string, Set<Live>>();
  readonly #byProject = new Map<string, Set<Live>>();
  /** By the second in which they have to be judged again. */
  readonly #bySecond = new Map<number, Set<Live>>();
  readonly #due = new Set<Live>();
  #judging = false;
  #sweep: ReturnType<typeof setInterval> | null = null;
  #size = 0;

  constructor(current: () => Snapshot, log: Log) {
    this.#current = current;
    this.#log = log;
  }

  get size(): number {
    return this.#size;
  }

  /** `allowed` is what `judge` said of the question, at a snapshot that may be older than the present one. */
  add(question: Question, allowed: Allowed, revision: bigint): Live {
    const live = new Live(this, question, allowed);
    addTo(this.#byContainer, allowed.host.container, live);
    addTo(this.#byProject, allowed.host.project, live);
    this.#size++;
    this.allowedUntil(live, allowed.untilMs);
    if (this.#current().revision !== revision) {
      this.#judgeAgain([live]);
    }
    return live;
  }

  remove(live: Live): void {
    const { host } = live.allowed;
    if (!removeFrom(this.#byContainer, host.container, live)) {
      return;
    }
    removeFrom(this.#byProject, host.project, live);
    this.#size--;
    this.#due.delete(live);
    this.#forgetEnd(live);
  }

  /** Notes when the live connection has to be judged again though nothing changed. */
  allowedUntil(live: Live, untilMs: number): void {
    this.#forgetEnd(live);
    if (untilMs !== Number.POSITIVE_INFINITY) {
      addTo(this.#bySecond, Math.floor(untilMs / 1000), live);
      this.#ends.set(live, Math.floor(untilMs / 1000));
      this.#sweep ??= setInterval(() => this.#judgeExpired(Date.now()), EXPIRY_SWEEP_MS);
    }
  }

  readonly #ends = new Map<Live, number>();

  #forgetEnd(live: Live): void {
    const second = this.#ends.get(live);
    if (second !== undefined) {
      removeFrom(this.#bySecond, second, live);
      this.#ends.delete(live);
      if (this.#ends.size === 0 && this.#sweep !== null) {
        clearInterval(this.#sweep);
        this.#sweep = null;
      }
    }
  }

  /** To be called when a snapshot was published, with what changed in it. */
  changed(projects: Iterable<string>, containers: Iterable<string>): void {
    for (const project of projects) {
      this.#judgeAgain(this.#byProject.get(project) ?? []);
    }
    for (const container of containers) {
      this.#judgeAgain(this.#byContainer.get(container) ?? []);
    }
  }

  /** Ends all of them, for good. */
  revokeAll(reason: RefusalReason): void {
    for (const lives of [...this.#byContainer.values()]) {
      for (const live of [...lives]) {
        live.judged({ allow: false, host: live.allowed.host, reason, denial: undefined });
      }
    }
  }

  #judgeExpired(nowMs: number): void {
    const second = nowMs / 1000;
    for (const [end, lives] of this.#bySecond) {
      if (end <= second) {
        this.#judgeAgain(lives);
      }
    }
  }

  #judgeAgain(lives: Iterable<Live>): void {
    for (const live of lives) {
      this.#due.add(live);
    }
    if (!this.#judging && this.#due.size > 0) {
      this.#judging = true;
      void this.#judgeDue();
    }
  }

  /** In slices, always by the latest snapshot. */
  async #judgeDue(): Promise<void> {
    try {
      while (this.#due.size > 0) {
        const slice = [...this.#due.keys().take(SLICE)];
        const snapshot = this.#current();
        const nowMs = Date.now();
        for (const live of slice) {
          this.#due.delete(live);
        }
        await Promise.all(slice.map((live) => this.#judge(live, snapshot, nowMs)));
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      this.#judging = false;
    }
  }

  async #judge(live: Live, snapshot: Snapshot, nowMs: number): Promise<void> {
    try {
      const verdict = judge(snapshot, live.question, nowMs);
      live.judged(verdict instanceof Promise ? await verdict : verdict);
    } catch (error) {
      this.#log.error({ err: error }, "a connection could not be judged again; it is closed");
      const { host } = live.allowed;
      live.judged({ allow: false, host, reason: "internal_error", denial: undefined });
    }
  }
}

function addTo<Key>(sets: Map<Key, Set<Live>>, key: Key, live: Live): void {
  const set = sets.get(key);
  if (set === undefined) {
    sets.set(key, new Set([live]));
  } else {
    set.add(live);
  }
}

/** Whether it was there. A set without members is not kept. */
function removeFrom<Key>(sets: Map<Key, Set<Live>>, key: Key, live: Live): boolean {
  const set = sets.get(key);
  if (set === undefined || !set.delete(live)) {
    return false;
  }
  if (set.size === 0) {
    sets.delete(key);
  }
  return true;
}
