// Exchanges that go on, judged again when something under them changes, and ended when they are allowed no more.

import type { Log } from "../../log.ts";
import { type Allowed, judge, type Question, type Verdict } from "../gate/authorize.ts";
import type { Denial, RefusalReason } from "../gate/refusal.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";

/** How long others wait while we judge, and while we end what is allowed no more; one judgement takes some 2 µs. */
const SLICE_MS = 4;
/** The clock is looked at after so many. */
const BETWEEN_LOOKS = 8;
/** Signatures that are checked side by side. */
const SIGNATURES_MAX = 64;
/** One project's turn: whoever has many connections does not keep the others waiting. */
const TURN = 32;
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
  /** The second in which it has to be judged again though nothing changed; kept by LiveConnections. */
  expirySecond: number | null = null;
  readonly #connections: LiveConnections;
  #allowed: Allowed;
  #ended = false;
  #revoked: Revocation | null = null;
  #whenRevoked: ((revocation: Revocation) => void) | null = null;

  constructor(connections: LiveConnections, question: Question, allowed: Allowed) {
    this.#connections = connections;
    this.question = question;
    this.#allowed = allowed;
  }

  /** What it is allowed as; its container and its project never change. */
  get allowed(): Allowed {
    return this.#allowed;
  }

  /** Not null once it is over because it is allowed no more. */
  get revoked(): Revocation | null {
    return this.#revoked;
  }

  /** Called at most once, at once when it was revoked already; never after `end`. The last listener counts. */
  whenRevoked(listener: (revocation: Revocation) => void): void {
    this.#whenRevoked = listener;
    if (this.#revoked !== null) {
      listener(this.#revoked);
    }
  }

  /** It ended by itself. To be called in every case, and as often as one likes. */
  end(): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#whenRevoked = null;
      this.#connections.remove(this);
    }
  }

  /** What a new judgement says. What leads somewhere else now is over, too: nobody was asked about that place. */
  judged(verdict: Verdict): void {
    if (this.#ended) {
      return;
    }
    if (verdict.allow && leadsTo(verdict, this.#allowed)) {
      this.#allowed = verdict;
      this.#connections.allowedUntil(this, verdict.untilMs);
      return;
    }
    this.#revoked = verdict.allow
      ? { reason: "no_upstream", denial: undefined }
      : { reason: verdict.reason, denial: verdict.denial };
    const listener = this.#whenRevoked;
    this.end();
    this.#connections.revoked(this.#revoked.reason);
    listener?.(this.#revoked);
  }
}

/** The same container at the same address, and by an alias that leads to the same path. */
function leadsTo(one: Allowed, other: Allowed): boolean {
  return (
    one.host.container === other.host.container &&
    one.host.project === other.host.project &&
    one.route.address.text === other.route.address.text &&
    one.route.port === other.route.port &&
    one.route.secure === other.route.secure &&
    one.alias?.target === other.alias?.target &&
    one.alias?.takesPaths === other.alias?.takesPaths
  );
}

/** What goes on, by what may change under it: when that happens it is judged again, and nothing else is. */
export class LiveConnections {
  readonly #current: () => Snapshot;
  readonly #log: Log;
  /** For Live: told of each that is allowed no more. */
  readonly revoked: (reason: RefusalReason) => void;
  readonly #byContainer = new Map<string, Set<Live>>();
  readonly #byProject = new Map<string, Set<Live>>();
  /** By the second in which they have to be judged again. */
  readonly #bySecond = new Map<number, Set<Live>>();
  /** To be judged as soon as possible, by project. */
  readonly #due = new Map<string, Set<Live>>();
  #judging = false;
  #sweep: ReturnType<typeof setInterval> | null = null;
  #size = 0;

  /** `revoked` is told of each that is allowed no more. */
  constructor(
    current: () => Snapshot,
    log: Log,
    revoked: (reason: RefusalReason) => void = () => {},
  ) {
    this.#current = current;
    this.#log = log;
    this.revoked = revoked;
  }

  /** How many go on. */
  get size(): number {
    return this.#size;
  }

  /** Whether one more of this container may go on. Of `max` in all no container has more than half: others have to live, too. */
  hasRoom(container: string, max: number): boolean {
    return this.#size < max && (this.#byContainer.get(container)?.size ?? 0) < max / 2;
  }

  /** `allowed` is what `judge` said of the question, at a snapshot that may be older than the present one. */
  add(question: Question, allowed: Allowed, revision: bigint): Live {
    const live = new Live(this, question, allowed);
    addTo(this.#byContainer, allowed.host.container, live);
    addTo(this.#byProject, allowed.host.project, live);
    this.#size++;
    this.allowedUntil(live, allowed.untilMs);
    const snapshot = this.#current();
    if (snapshot.revision !== revision || snapshot.closed !== null) {
      this.#judgeAgain([live]);
    }
    return live;
  }

  /** For Live. */
  remove(live: Live): void {
    const { container, project } = live.allowed.host;
    if (removeFrom(this.#byContainer, container, live)) {
      this.#size--;
    }
    removeFrom(this.#byProject, project, live);
    removeFrom(this.#due, project, live);
    this.#forgetExpiry(live);
  }

  /** For Live: when it has to be judged again though nothing changed. */
  allowedUntil(live: Live, untilMs: number): void {
    const second = untilMs === Number.POSITIVE_INFINITY ? null : Math.floor(untilMs / 1000);
    if (second === live.expirySecond) {
      return;
    }
    this.#forgetExpiry(live);
    if (second !== null) {
      addTo(this.#bySecond, second, live);
      live.expirySecond = second;
      this.#sweep ??= setInterval(() => this.#judgeExpired(Date.now()), EXPIRY_SWEEP_MS);
    }
  }

  #forgetExpiry(live: Live): void {
    if (live.expirySecond === null) {
      return;
    }
    removeFrom(this.#bySecond, live.expirySecond, live);
    live.expirySecond = null;
    if (this.#bySecond.size === 0 && this.#sweep !== null) {
      clearInterval(this.#sweep);
      this.#sweep = null;
    }
  }

  /** To be called when a snapshot was published, with the ids of what changed in it. */
  changed(projects: Iterable<string>, containers: Iterable<string>): void {
    for (const project of projects) {
      this.#judgeAgain(this.#byProject.get(project) ?? []);
    }
    for (const container of containers) {
      this.#judgeAgain(this.#byContainer.get(container) ?? []);
    }
  }

  /** To be called when a snapshot was published that is not made of the one before. */
  allChanged(): void {
    for (const lives of this.#byProject.values()) {
      this.#judgeAgain(lives);
    }
  }

  #judgeExpired(nowMs: number): void {
    const second = nowMs / 1000;
    for (const [expiry, lives] of this.#bySecond) {
      if (expiry <= second) {
        this.#judgeAgain(lives);
      }
    }
  }

  #judgeAgain(lives: Iterable<Live>): void {
    for (const live of lives) {
      addTo(this.#due, live.allowed.host.project, live);
    }
    if (!this.#judging && this.#due.size > 0) {
      this.#judging = true;
      void this.#judgeDue();
    }
  }

  /** In slices, project by project in turn. */
  async #judgeDue(): Promise<void> {
    while (this.#due.size > 0) {
      const pending = this.#judgeSlice(performance.now() + SLICE_MS);
      if (pending.length > 0) {
        await Promise.all(pending);
      }
      if (this.#due.size > 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    this.#judging = false;
  }

  /** Always by the latest snapshot. Answers what has to be waited for. */
  #judgeSlice(endMs: number): Promise<void>[] {
    const snapshot = this.#current();
    const nowMs = Date.now();
    const pending: Promise<void>[] = [];
    let looked = 0;
    for (const [project, lives] of this.#due) {
      // Its next turn comes after everybody's.
      this.#due.delete(project);
      let turn = 0;
      for (const live of lives) {
        lives.delete(live);
        const judged = this.#judge(live, snapshot, nowMs);
        if (judged !== null) {
          pending.push(judged);
        }
        const over =
          pending.length >= SIGNATURES_MAX ||
          (++looked % BETWEEN_LOOKS === 0 && performance.now() >= endMs);
        if (over || ++turn === TURN) {
          this.#dueLater(project, lives);
          if (over) {
            return pending;
          }
          break;
        }
      }
    }
    return pending;
  }

  #dueLater(project: string, lives: ReadonlySet<Live>): void {
    for (const live of lives) {
      addTo(this.#due, project, live);
    }
  }

  /** Never throws or rejects: what cannot be judged is over. */
  #judge(live: Live, snapshot: Snapshot, nowMs: number): Promise<void> | null {
    try {
      const verdict = judge(snapshot, live.question, nowMs);
      if (verdict instanceof Promise) {
        return verdict.then(
          (later) => live.judged(later),
          (error: unknown) => this.#failed(live, error),
        );
      }
      live.judged(verdict);
    } catch (error) {
      this.#failed(live, error);
    }
    return null;
  }

  #failed(live: Live, error: unknown): void {
    this.#log.error({ err: error }, "a connection could not be judged again; it is closed");
    const { host } = live.allowed;
    live.judged({ allow: false, host, reason: "internal_error", denial: undefined });
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
