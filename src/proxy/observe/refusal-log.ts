import type { Log } from "../../log.ts";
import type { Exchange } from "../exchange/exchange.ts";

/** Lines a second; what is beyond is counted. */
export const refusalLinesPerSecondMax = 100;
/** Of these, lines about requests for no container: scanners must not displace the others. */
export const unroutedLinesPerSecondMax = 20;

/** What an operator looks up by request id. Carries no credential, path or query. */
export interface LoggedRefusal {
  readonly requestId: string;
  readonly reason: string;
  /** What is wrong with bytes that are no request. */
  readonly malformed?: string;
  /** The client's address as the gate makes it out. */
  readonly client: string;
  /** What was asked for; null: no container, the Host is malformed, unknown or not the certificate's. */
  readonly place: {
    readonly program: string;
    readonly instance: number;
    readonly project: string;
    readonly container: string;
  } | null;
}

/** One line a refusal, so that its request id can be found; at a limited rate, so that refused clients cannot fill the log. */
export class RefusalLog {
  readonly #log: Log;
  #secondStartedMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #unroutedLines = 0;
  #dropped = 0;
  #droppedInAll = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** How many refusals are not in the log. */
  get dropped(): number {
    return this.#droppedInAll;
  }

  /** Logs it when the gate itself refused it. */
  ended({ requestId, reason, client, host, status, fromUpstream }: Exchange): void {
    if (status === null || fromUpstream) return;
    if (host === null) {
      this.note({ requestId, reason, client, place: null }, performance.now());
      return;
    }
    const { program, instance, project, container } = host;
    const place = { program, instance, project, container };
    this.note({ requestId, reason, client, place }, performance.now());
  }

  /** `nowMs`: milliseconds of any clock that does not go back. The count of what was dropped comes with the next line. */
  note({ place, ...refusal }: LoggedRefusal, nowMs: number): void {
    if (nowMs - this.#secondStartedMs >= 1_000) {
      this.#startSecond(nowMs);
    }
    const isUnrouted = place === null;
    if (
      this.#lines === refusalLinesPerSecondMax ||
      (isUnrouted && this.#unroutedLines === unroutedLinesPerSecondMax)
    ) {
      this.#dropped++;
      this.#droppedInAll++;
      return;
    }
    this.#lines++;
    if (isUnrouted) this.#unroutedLines++;
    this.#log.info({ ...refusal, ...place }, "request refused");
  }

  #startSecond(nowMs: number): void {
    if (this.#dropped > 0) {
      this.#log.info({ dropped: this.#dropped }, "refusals not logged: too many in a second");
    }
    this.#secondStartedMs = nowMs;
    this.#lines = 0;
    this.#unroutedLines = 0;
    this.#dropped = 0;
  }
}
