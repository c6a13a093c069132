// Log lines that outsiders can cause are rate-limited by kind; what is left out is counted.
import type { Log } from "../log.ts";

/** Lines of one kind in a second. */
export const linesPerSecondMax = 10;
/** Kinds that are told apart; further ones share a limit. Messages are constants, so there are far fewer. */
const KINDS_MAX = 256;
const OTHER = "other messages";
const SECOND_MS = 1_000;

type Level = keyof Log;

interface Kind {
  readonly level: Level;
  readonly message: string;
  startedMs: number;
  lines: number;
  leftOut: number;
  timer: ReturnType<typeof setTimeout> | null;
}

/** A log whose lines are limited by their message: a line with the count follows when the second is over. */
export class LimitedLog implements Log {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #kinds = new Map<string, Kind>();
  #leftOut = 0;

  /** `now`: milliseconds of a clock that does not go back. */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** Lines left out since the start. */
  get leftOut(): number {
    return this.#leftOut;
  }

  error(fields: object, message: string): void {
    this.#write("error", fields, message);
  }

  warn(fields: object, message: string): void {
    this.#write("warn", fields, message);
  }

  info(fields: object, message: string): void {
    this.#write("info", fields, message);
  }

  #write(level: Level, fields: object, message: string): void {
    const kind = this.#kindOf(level, message);
    const nowMs = this.#now();
    if (nowMs - kind.startedMs >= SECOND_MS) {
      this.#report(kind);
      kind.startedMs = nowMs;
      kind.lines = 0;
    }
    if (kind.lines < linesPerSecondMax) {
      kind.lines++;
      this.#log[level](fields, message);
      return;
    }
    this.#leftOut++;
    kind.leftOut++;
    if (kind.timer === null) {
      kind.timer = setTimeout(() => this.#report(kind), SECOND_MS);
      kind.timer.unref();
    }
  }

  #kindOf(level: Level, message: string): Kind {
    const isKnown = this.#kinds.has(`${level} ${message}`) || this.#kinds.size < KINDS_MAX;
    const named = isKnown ? message : OTHER;
    const key = `${level} ${named}`;
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      const startedMs = Number.NEGATIVE_INFINITY;
      kind = { level, message: named, startedMs, lines: 0, leftOut: 0, timer: null };
      this.#kinds.set(key, kind);
    }
    return kind;
  }

  #report(kind: Kind): void {
    if (kind.timer !== null) clearTimeout(kind.timer);
    kind.timer = null;
    if (kind.leftOut === 0) return;
    const { level, message, leftOut } = kind;
    kind.leftOut = 0;
    this.#log[level]({ leftOut, of: message }, "log lines left out: too many in a second");
  }
}
